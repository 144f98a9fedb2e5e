// A resumable upload, by the tus protocol 1.0.0: what has arrived stays, whatever happens to the network.

import { ask, Problem } from "./api.js";

const PIECE = 4 * 2 ** 20;
const TRIES = 5; // without a byte more, while the gateway can be reached
const LONGEST = 16_000;

const TUS = { "Tus-Resumable": "1.0.0" };

function encode(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

/** Wait, or until there is a network again. */
function rest(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      signal.removeEventListener("abort", stop);
      resolve();
    };
    const stop = () => {
      done();
      reject(signal.reason);
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener("online", done);
    signal.addEventListener("abort", stop);
  });
}

const passes = (error) => error instanceof TypeError || (error instanceof Problem && (error.status === 429 || error.status >= 500 || error.status === 409));

/** Call again and again until it answers: for what may be asked twice. */
export async function persist(work, { signal, waiting = () => {} }) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!passes(error) || error.status === 409 || error.status === 507) throw error;
      waiting(error);
      await rest(Math.min(1000 * 2 ** tries, LONGEST), signal);
    }
  }
}

/**
 * Send a blob; returns the id of the upload.
 *
 * @param name of an archive: the folder that its items will be in; without one they are in none.
 * @param progress called with the bytes that have arrived.
 * @param began called with the id as soon as there is one.
 * @param waiting called with the error while it waits for the network or the gateway.
 * @param gate awaited before each piece: a paused upload waits there.
 */
export async function upload(blob, name, { signal, began, progress, waiting, gate }) {
  const created = await persist(
    () => ask("/v1/uploads", { method: "POST", signal, headers: { ...TUS, "Upload-Length": String(blob.size), "Upload-Metadata": name ? `filename ${encode(name)}` : `filetype ${encode(blob.type)}` } }),
    { signal, waiting },
  );
  const place = created.headers.get("Location");
  const id = place.slice(place.lastIndexOf("/") + 1);
  began(id);
  let offset = 0;
  let tries = 0;
  while (offset < blob.size) {
    await gate();
    try {
      const body = blob.slice(offset, offset + PIECE);
      const headers = { ...TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(offset) };
      const response = await ask(place, { method: "PATCH", signal, headers, body });
      offset = Number(response.headers.get("Upload-Offset"));
      tries = 0;
      progress(offset);
    } catch (error) {
      signal.throwIfAborted();
      if (!passes(error)) throw error;
      waiting(error);
      await rest(Math.min(500 * 2 ** tries, LONGEST), signal);
      const asked = await persist(() => ask(place, { method: "HEAD", signal, headers: TUS }), { signal, waiting });
      const arrived = Number(asked.headers.get("Upload-Offset"));
      tries = arrived > offset ? 0 : tries + 1;
      if (tries > TRIES) throw new Error("The gateway can be reached, but the file can't be sent: was it changed or moved meanwhile?");
      offset = arrived;
      progress(offset);
    }
  }
  return id;
}

export const giveUp = (id) => ask(`/v1/uploads/${id}`, { method: "DELETE", headers: TUS }).catch(() => {});
