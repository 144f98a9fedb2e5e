// The upload page: what is dropped is sent as one resumable upload, and becomes a batch that is watched.

import { ask, explain, inCollection, json } from "./api.js";
import { Batch } from "./batch.js";
import { byId, el, plural, size } from "./dom.js";
import { dropped, picked } from "./entries.js";
import { giveUp, persist, upload } from "./resumable.js";
import { tar } from "./tar.js";

const ARCHIVE = /\.(zip|tar|tgz|tar\.(gz|zst|zstd)|tzst)$/i;
const OVERHEAD = 4096; // of a file in a TAR, at most
const SHOWN = 20;

const page = byId("upload");
const { collection } = page.dataset;
const jobs = byId("jobs");
const problem = byId("problem");
let limits = null;

/** The uploads of some files: each archive is one; all others together are one, or a few where they are many. */
function cut(entries) {
  const rooms = [];
  const refused = [];
  let group = [];
  let bytes = 0;
  const most = Math.min(limits.upload_bytes, limits.archive_bytes);
  const close = () => {
    if (group.length) rooms.push({ name: title(group), file: null, entries: group });
    group = [];
    bytes = 0;
  };
  for (const entry of entries.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    const { path, file } = entry;
    if (ARCHIVE.test(path)) {
      if (file.size > most) refused.push(`${path} has ${size(file.size)}; an archive may have ${size(most)}.`);
      else rooms.push({ name: path, file, entries: [entry] });
      continue;
    }
    if (file.size > limits.file_bytes) {
      refused.push(`${path} has ${size(file.size)}; a picture, text or sound may have ${size(limits.file_bytes)}.`);
      continue;
    }
    const stem = (one) => one.path.replace(/\.[^./]*$/, "");
    const full = bytes + file.size + OVERHEAD > most || group.length >= limits.archive_members / 2;
    if (full && stem(entry) !== stem(group.at(-1))) close(); // files of one item stay together
    group.push(entry);
    bytes += file.size + OVERHEAD;
  }
  close();
  return { rooms, refused };
}

const title = (entries) => (entries.length === 1 ? entries[0].path : plural(entries.length, "file"));

async function take(entries) {
  problem.hidden = true;
  if (!entries.length) return tell("There is no file in it.");
  try {
    limits ??= await json("/v1/limits");
  } catch (error) {
    return tell(explain(error));
  }
  const { rooms, refused } = cut(entries);
  if (refused.length) {
    const more = refused.length > SHOWN ? ` And ${refused.length - SHOWN} more.` : "";
    tell(`${refused.slice(0, SHOWN).join(" ")}${more} ${rooms.length ? "The rest is sent." : ""}`);
  }
  for (const room of rooms) new Job(room).run();
}

function tell(text) {
  problem.textContent = text;
  problem.hidden = false;
}

/** An upload on its way, then the batch that is made of it. */
class Job {
  constructor({ name, file, entries }) {
    this.name = name;
    this.blob = file ?? tar(entries);
    this.file = file ? name : "";
    this.stopper = new AbortController();
    this.resume = null;
    this.bar = el("progress", { max: this.blob.size, value: 0, "aria-label": `Sending ${name}` });
    this.text = el("p", { class: "counts", role: "status" }, "beginning");
    this.pause = el("button", { type: "button", onclick: () => this.toggle() }, "Pause");
    this.stop = el("button", { type: "button", onclick: () => this.cancel() }, "Cancel");
    this.body = el("div", { class: "batch" }, this.bar, this.text, el("p", { class: "actions" }, this.pause, this.stop));
    jobs.prepend(el("li", { class: "card" }, el("h2", {}, name), this.body));
  }

  toggle() {
    if (this.resume) {
      this.resume();
      this.resume = null;
    } else {
      this.gate = new Promise((resolve) => (this.resume = resolve));
      this.say("paused");
    }
    this.pause.textContent = this.resume ? "Go on" : "Pause";
  }

  cancel() {
    this.stopper.abort();
    this.resume?.(); // a paused upload waits at its gate, and hears of nothing else
  }

  say(text) {
    this.text.textContent = text;
  }

  async run() {
    const { signal } = this.stopper;
    const waiting = (error) => this.say(error instanceof TypeError ? "The network or the gateway is away: it goes on as soon as it is back." : `${explain(error)} It is tried again.`);
    let id;
    try {
      await upload(this.blob, this.file, {
        signal,
        began: (made) => (id = made),
        waiting,
        gate: () => this.gate,
        progress: (bytes) => {
          this.bar.value = bytes;
          if (!this.resume) this.say(`sent ${size(bytes)} of ${size(this.blob.size)}`);
        },
      });
      this.say("sent: the gateway looks at it");
      const path = inCollection(collection, `/batches?upload=${id}`);
      const accepted = await persist(async () => (await ask(path, { method: "POST", signal, headers: { Accept: "application/json" } })).json(), { signal, waiting });
      this.accept(accepted);
    } catch (error) {
      if (id && signal.aborted) giveUp(id);
      this.body.replaceChildren(el("p", { class: "notice bad", role: "alert" }, signal.aborted ? "Cancelled: nothing of it was added." : explain(error)));
    }
  }

  accept(accepted) {
    const rejected = accepted.rejected.map(({ id, reason }) => el("li", {}, el("b", {}, id ?? ""), el("span", {}, reason)));
    const batch = new Batch({ batch: accepted.batch, collection, state: "running", total: accepted.total, done: 0, failed: 0, rate: 0, eta_seconds: null });
    this.body.replaceWith(
      el(
        "div",
        {},
        accepted.rejected_total > 0 &&
          el("details", { class: "notice bad" }, el("summary", {}, `${plural(accepted.rejected_total, "file")} can’t be used`), el("ul", { class: "reasons-list" }, rejected)),
        accepted.left_out > 0 && el("p", { class: "dim" }, `${plural(accepted.left_out, "hidden file")} left out`),
        el("p", { class: "dim" }, el("a", { href: `/batches/${accepted.batch}` }, "This batch has a page of its own")),
        batch.element,
      ),
    );
  }
}

const drop = byId("drop");
let depth = 0;
const over = (inside) => drop.classList.toggle("over", inside);
document.addEventListener("dragenter", () => over(++depth > 0));
document.addEventListener("dragleave", () => over(--depth > 0));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  depth = 0;
  over(false);
  take(await dropped(event.dataTransfer));
});
for (const [button, input] of [["pick", "files"], ["pick-folder", "folder"]]) {
  byId(button).addEventListener("click", () => byId(input).click());
  byId(input).addEventListener("change", ({ target }) => {
    const entries = picked(target.files);
    target.value = "";
    take(entries);
  });
}
addEventListener("beforeunload", (event) => {
  if (jobs.querySelector("progress[aria-label^='Sending']")) event.preventDefault();
});
