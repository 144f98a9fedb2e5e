// The API of the gateway: the same that every other client has.

/** An answer that is an error: `detail` is for people, `type` is stable (RFC 9457). */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `The gateway answered ${status}.`);
    this.status = status;
    this.type = body.type ?? "";
    this.field = body.field;
  }
}

/** Fetch; throws a Problem for an error, and a TypeError where nothing answers. */
export async function ask(path, options = {}) {
  const response = await fetch(path, { headers: { Accept: "application/json" }, ...options });
  if (response.ok) return response;
  if (response.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  let body = {};
  try {
    body = await response.json();
  } catch {
    // What stands between may answer with something else than JSON.
  }
  throw new Problem(response.status, body);
}

export const json = async (path, options) => (await ask(path, options)).json();

export const post = (path, body, options = {}) =>
  json(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
    ...options,
  });

export const inCollection = (name, rest = "") => `/v1/collections/${encodeURIComponent(name)}${rest}`;

/** The id of an item in a path: it may have slashes. */
export const idPath = (id) => id.split("/").map(encodeURIComponent).join("/");

export const itemPath = (collection, id, rest = "") => inCollection(collection, `/items/${idPath(id)}${rest}`);

/** What browsers keep from pages that came over plain HTTP, unless from this machine. */
export const needsHttps = (what) => `Browsers give the ${what} only to pages over HTTPS.`;

/** What went wrong, in words that help. */
export function explain(error) {
  if (error instanceof Problem) {
    const hints = {
      "urn:triptych:problem:index-unavailable": " `triptych status` says which part is away.",
      "urn:triptych:problem:busy": " Try again in a few seconds.",
    };
    return error.message + (hints[error.type] ?? "");
  }
  if (!(error instanceof TypeError)) return error.message;
  if (!navigator.onLine) return "There is no network. The search goes on when it is back.";
  return "The gateway does not answer. Does it run? `triptych up` starts it.";
}
