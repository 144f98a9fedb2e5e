// The search page: asks while one types, re-ranks while one weighs, and keeps its state in the address.

import { ask, explain, inCollection, json, needsHttps, Problem } from "./api.js";
import { byId, count, debounced, el, plural } from "./dom.js";
import { card, contributionsOf } from "./hits.js";
import { Parts } from "./parts.js";
import { rerank } from "./rank.js";
import { bodyOf, DEFAULTS, FACETS, formOf, isSearch, readState, writeState } from "./state.js";

const TYPING = 250;
const WEIGHING = 300;
const QUERY_BYTES = 64e6;
const SIGNALS = Object.keys(DEFAULTS);
const FUSED = {
  linear: "either part is enough", product: "all parts must fit", rrf: "by rank", dbsf: "by distance from the mean",
};
const LABELS = { tags: "Tags", modalities: "Has", language: "Language", keywords: "Key words", artist: "Artist", camera: "Camera", "predictions.label": "Predicted" };

const form = byId("search");
const collection = form.dataset.collection;
const limit = Number(form.dataset.limit);
const list = byId("hits");
const status = byId("count");
const problem = byId("problem");
const kept = new Map(); // pictures and sounds of the searches in the history

let state = readState(location.search);
let answer = null;
let cards = new Map();
let weights = weightsOf(state); // by which the hits on the screen were scored
let asking = null;
let typed = false;
let keys = 0;

const parts = new Parts({ changed: () => go("push"), failed: fail, limit: QUERY_BYTES });

function weightsOf({ weights: chosen }) {
  return { ...DEFAULTS, ...chosen };
}

function fail(text) {
  problem.textContent = text;
  problem.hidden = !text;
}

// From the controls to the state, and back

function read() {
  const data = new FormData(form);
  const text = (name) => String(data.get(name) ?? "").trim();
  const filters = {};
  for (const name of FACETS) {
    const values = data.getAll(name).map(String);
    if (values.length) filters[name] = values;
  }
  state = {
    q: text("q"), not: text("not"), fusion: text("fusion") || "auto", since: text("since"), until: text("until"),
    near: text("near"), box: text("box"), sort: text("sort"), dated: text("dated"), like: state.like, weights: state.weights, filters,
  };
}

function write() {
  for (const name of ["q", "not", "since", "until", "near", "box", "sort"]) form.elements[name].value = state[name];
  form.elements.dated.value = state.dated || "captured_at";
  for (const radio of form.elements.fusion) radio.checked = radio.value === state.fusion;
  for (const signal of SIGNALS) showWeight(signal);
  showLike();
}

function showWeight(signal) {
  const value = state.weights[signal] ?? DEFAULTS[signal];
  byId(`r-${signal}`).value = value;
  byId(`w-${signal}`).value = value;
}

function showLike() {
  for (const old of byId("parts").querySelectorAll(".like")) old.remove();
  for (const id of state.like) {
    const name = id.slice(id.lastIndexOf("/") + 1);
    const remove = () => {
      state.like = state.like.filter((one) => one !== id);
      showLike();
      go("push");
      byId("q").focus();
    };
    byId("parts").append(
      el("li", { class: "like" }, el("span", { class: "icon", "aria-hidden": "true" }, "≈"), el("span", { class: "label" }, `like ${name}`), el("button", { type: "button", class: "quiet", "aria-label": `Not like ${name}`, onclick: remove }, "✕")),
    );
  }
  byId("parts").hidden = parts.entries.length + state.like.length === 0;
}

/** Only the weights of what the query has can change anything. */
function showSignals() {
  const has = new Set(parts.entries.map(({ part }) => part));
  if (state.like.length) for (const part of ["text", "image", "audio"]) has.add(part);
  if (state.q) has.add("text").add("keyword");
  if (state.not) has.add("not");
  for (const row of document.querySelectorAll(".weight")) row.hidden = !has.has(row.dataset.signal);
  byId("weights").hidden = has.size === 0;
}

// Asking

/** Take over what the controls say, note it in the address, and ask. */
function go(history) {
  read();
  note(history);
  showSignals();
  search();
}

/** Unique in the history of this tab, which outlives the page. */
const newKey = () => `${performance.timeOrigin}-${(keys += 1)}`;

function note(how) {
  const query = writeState(state);
  const address = location.pathname + (query ? `?${query}` : "");
  const key = (how !== "push" && window.history.state?.key) || newKey();
  kept.set(key, [...parts.entries]);
  if (how === "push") window.history.pushState({ key, files: parts.entries.length }, "", address);
  else window.history.replaceState({ key, files: parts.entries.length }, "", address);
  document.title = `${state.q ? `${state.q} in ` : ""}${collection} · Triptych`;
}

async function send(body, signal) {
  const path = inCollection(collection, "/search");
  const files = parts.entries;
  const options = files.length
    ? { body: formOf(body, files), headers: { Accept: "application/json" } }
    : { body: JSON.stringify(body), headers: { "Content-Type": "application/json", Accept: "application/json" } };
  return json(path, { method: "POST", signal, ...options });
}

/** Ask anew; an answer that comes after a later question is dropped. */
async function search() {
  asking?.abort();
  const mine = (asking = new AbortController());
  list.setAttribute("aria-busy", "true");
  const wanted = weightsOf(state);
  try {
    const found = await send(bodyOf(state, parts.entries, limit), mine.signal);
    if (mine !== asking) return;
    fail("");
    show(found, wanted);
  } catch (error) {
    if (error.name === "AbortError" || mine !== asking) return;
    fail(error instanceof Problem || error instanceof TypeError ? explain(error) : error.message);
  } finally {
    if (mine === asking) list.removeAttribute("aria-busy");
  }
}

async function more() {
  const button = byId("more");
  if (!answer?.cursor || button.disabled) return;
  button.disabled = true;
  const mine = asking;
  try {
    const body = { ...bodyOf(state, parts.entries, limit), cursor: answer.cursor, facets: [] };
    const next = await send(body, mine?.signal);
    if (mine !== asking) return;
    fail("");
    const first = next.hits[0]?.id;
    answer = { ...answer, cursor: next.cursor, hits: [...answer.hits, ...next.hits] };
    append(next.hits);
    showCount();
    if (document.activeElement === button && first) cards.get(first)?.element.querySelector("a").focus();
  } catch (error) {
    if (error.name === "AbortError" || mine !== asking) return;
    const expired = error.type === "urn:triptych:problem:cursor-expired";
    if (expired) answer.cursor = undefined; // else it may be tried again
    fail(expired ? "These pages are too old by now: search again." : explain(error));
  } finally {
    button.disabled = false;
    button.hidden = !answer?.cursor;
  }
}

// Showing

function show(found, by) {
  answer = found;
  weights = by;
  cards = new Map();
  list.replaceChildren();
  append(found.hits);
  showCount();
  byId("how").textContent = isSearch(state, parts.entries) && found.hits.length ? `${FUSED[found.fusion] ?? ""} · ${Math.round(found.took_ms.total)} ms` : "";
  byId("empty").hidden = found.hits.length > 0;
  byId("more").hidden = !found.cursor;
  showFacets(found.facets ?? {});
}

function append(hits) {
  const query = location.search;
  const pieces = document.createDocumentFragment();
  for (const hit of hits) {
    const made = card(collection, hit, { query, onsimilar: similar, onopen: remember });
    cards.set(hit.id, made);
    pieces.append(made.element);
  }
  list.append(pieces);
}

function showCount() {
  const { value, relation } = answer.total;
  const all = `${plural(value, "item")}${relation === "gte" ? " or more" : ""}`;
  const text = answer.hits.length < value ? `${count(answer.hits.length)} of ${all}` : all;
  if (status.textContent !== text) status.textContent = text;
}

function showFacets(facets) {
  const focused = document.activeElement?.closest("#facets") ? { name: document.activeElement.name, value: document.activeElement.value } : null;
  const groups = FACETS.map((name) => {
    const chosen = state.filters[name] ?? [];
    const entries = facets[name] ?? [];
    const missing = chosen.filter((value) => !entries.some((one) => String(one.value) === value)).map((value) => ({ value, count: 0 }));
    const rows = [...entries, ...missing];
    return rows.length > 0 && el("fieldset", { class: "facet" }, el("legend", {}, LABELS[name] ?? name), rows.map((one) => facet(name, one, chosen)));
  });
  byId("facets").replaceChildren(...groups.filter(Boolean));
  if (focused) {
    for (const box of form.querySelectorAll(`input[name="${CSS.escape(focused.name)}"]`)) if (box.value === focused.value) box.focus();
  }
}

function facet(name, { value, count: number }, chosen) {
  const text = String(value);
  return el("label", {}, el("input", { type: "checkbox", name, value: text, checked: chosen.includes(text) }), el("span", {}, text), el("b", {}, count(number)));
}

function similar(hit) {
  parts.set([]);
  byId("q").value = "";
  byId("not").value = "";
  state.like = [hit.id];
  showLike();
  go("push");
  scrollTo({ top: 0 });
  byId("q").focus();
}

/** The page of an item tells why it was found, also where a picture of one's own was the query. */
function remember(hit) {
  try {
    sessionStorage.setItem("hit", JSON.stringify({ collection, query: location.search, fusion: answer.fusion, hit: { id: hit.id, score: hit.score, why: hit.why } }));
  } catch {
    // Then that page asks again.
  }
}

// Weighing

let frame = 0;

/** Re-rank what is on the screen at the next frame. */
function weigh() {
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(rank);
}

function rank() {
  if (!answer?.hits.length || answer.hits[0].score === null || state.sort) return;
  const begin = performance.now();
  const found = rerank(answer.hits, weights, weightsOf(state), answer.fusion);
  for (const { hit, score, contributions } of found) cards.get(hit.id).bar.show(score, contributions);
  found.forEach(({ hit }, place) => {
    const { element } = cards.get(hit.id);
    if (list.children[place] !== element) list.insertBefore(element, list.children[place]);
  });
  performance.measure("rerank", { start: begin, detail: found.length });
}

const askWeighed = debounced(WEIGHING, () => {
  note("replace");
  search();
});

function setWeight(signal, value) {
  if (!Number.isFinite(value) || value < 0) return;
  const bounded = value > 0 && value < 0.001 ? 0.001 : Math.min(value, 1000);
  if (bounded === DEFAULTS[signal]) delete state.weights[signal];
  else state.weights[signal] = bounded;
  weigh();
  askWeighed();
}

for (const signal of SIGNALS) {
  const range = byId(`r-${signal}`);
  const number = byId(`w-${signal}`);
  range.addEventListener("input", () => {
    number.value = range.value;
    setWeight(signal, Number(range.value));
  });
  number.addEventListener("input", () => {
    range.value = number.value;
    if (number.value !== "") setWeight(signal, Number(number.value));
  });
  for (const control of [range, number]) {
    control.removeAttribute("name");
    control.addEventListener("change", (event) => event.stopPropagation());
  }
}

byId("reset").addEventListener("click", () => {
  state.weights = {};
  for (const signal of SIGNALS) showWeight(signal);
  weigh();
  askWeighed();
});

// Events

const askTyped = debounced(TYPING, () => {
  go(typed ? "replace" : "push");
  typed = true;
});

for (const name of ["q", "not"]) byId(name).addEventListener("input", askTyped);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  askTyped.cancel();
  go(typed ? "replace" : "push");
  typed = false;
});

form.addEventListener("change", (event) => {
  const { name, type } = event.target;
  if (name === "q" || name === "not" || type === "file") return;
  typed = false;
  go("push");
});

byId("more").addEventListener("click", more);
new IntersectionObserver((entries) => entries.some((one) => one.isIntersecting) && answer?.cursor && more(), { rootMargin: "400px" }).observe(byId("more"));

byId("here").addEventListener("click", () => {
  navigator.geolocation?.getCurrentPosition(
    ({ coords }) => {
      byId("near").value = `${coords.latitude.toFixed(4)}, ${coords.longitude.toFixed(4)}, 10`;
      go("push");
    },
    (error) => fail(isSecureContext ? `The browser does not tell where this is: ${error.message}` : needsHttps("place")),
  );
});

window.addEventListener("popstate", (event) => {
  state = readState(location.search);
  typed = false;
  const files = kept.get(event.state?.key) ?? [];
  parts.set(files);
  write();
  showSignals();
  search();
  if ((event.state?.files ?? 0) > files.length) fail("The pictures and sounds of this search are gone: drop them again.");
});

if (matchMedia("(max-width: 60rem)").matches) byId("filters").open = false;

for (const name of ["q", "not"]) {
  const { value, defaultValue } = form.elements[name];
  if (value !== defaultValue) state[name] = value.trim(); // typed before this script was there
}
write();
showSignals();
note("replace");
search();
ask("/v1/limits").then(async (response) => (parts.limit = (await response.json()).file_bytes)).catch(() => {});
