// The state of a search as its address has it (page/state.py reads the same addresses).

export const FACETS = ["tags", "modalities", "language", "keywords", "artist", "camera", "predictions.label"];
export const SHOWN = [
  "text", "title", "caption", "artist", "tags", "modalities", "media", "status", "duration",
  "language", "transcript", "writing", "captured_at", "width", "height",
];
export const DEFAULTS = { keyword: 0.5, text: 1, image: 1, audio: 1, not: 0.5 };
const ORDERS = {
  newest: { field: "added", order: "desc" },
  oldest: { field: "added", order: "asc" },
  taken: { field: "captured_at", order: "desc" },
};
const SINGLE = { q: "q", not: "not", fusion: "fusion", since: "since", until: "until", near: "near", box: "box", sort: "sort", dated: "dated" };

/** Read an address. */
export function readState(search) {
  const args = new URLSearchParams(search);
  const state = { like: args.getAll("like"), weights: {}, filters: {} };
  for (const [key, name] of Object.entries(SINGLE)) state[key] = (args.get(name) ?? "").trim();
  state.fusion ||= "auto";
  for (const value of args.getAll("w")) {
    const [signal, number] = value.split(":");
    if (signal in DEFAULTS && Number.isFinite(Number(number))) state.weights[signal] = Number(number);
  }
  for (const name of FACETS) {
    const values = args.getAll(name);
    if (values.length) state.filters[name] = values;
  }
  return state;
}

/** Write an address: nothing that is as it is by default. */
export function writeState(state) {
  const args = new URLSearchParams();
  for (const [key, name] of Object.entries(SINGLE)) {
    const value = state[key];
    if (value && !(key === "fusion" && value === "auto") && !(key === "dated" && value === "captured_at")) args.set(name, value);
  }
  for (const id of state.like) args.append("like", id);
  for (const [signal, weight] of Object.entries(state.weights)) {
    if (weight !== DEFAULTS[signal]) args.append("w", `${signal}:${weight}`);
  }
  for (const [name, values] of Object.entries(state.filters)) for (const value of values) args.append(name, value);
  return args.toString();
}

/** Whether anything is searched for, pictures and sounds of one's own included. */
export const isSearch = (state, files = []) => Boolean(state.q || state.like.length || files.length);

/** The body of the search by the API, without files. */
export function bodyOf(state, files, limit) {
  const body = { limit, facets: FACETS, fields: SHOWN, highlight: true, cursor: "*" };
  const search = isSearch(state, files);
  if (state.q) body.text = state.q;
  if (state.like.length) body.like = state.like;
  if (search) {
    if (state.not) body.not = { text: state.not };
    if (Object.keys(state.weights).length) body.weights = state.weights;
    body.fusion = state.fusion;
  }
  const order = state.sort || (search ? "" : "newest");
  if (order) body.sort = [ORDERS[order]];
  const filter = {};
  for (const [name, values] of Object.entries(state.filters)) if (values.length) filter[name] = { all: values };
  if (!search) filter.status = { none: ["failed", "quarantined"] };
  const dates = {};
  if (state.since) dates.gte = state.since;
  if (state.until) dates.lte = state.until;
  if (Object.keys(dates).length) filter[state.dated || "captured_at"] = dates;
  const area = near(state.near) ?? box(state.box);
  if (area) filter.place = area;
  if (Object.keys(filter).length) body.filter = filter;
  return body;
}

const numbers = (value, name, wanted) => {
  const found = value.split(",").map((one) => (one.trim() ? Number(one) : NaN));
  if (found.length !== wanted || !found.every(Number.isFinite)) throw new Error(`${name}: ${wanted} numbers are accepted, not “${value}”.`);
  return found;
};

function near(value) {
  if (!value) return undefined;
  const [latitude, longitude, kilometres] = numbers(value, "Near", 3);
  return { latitude, longitude, within: kilometres * 1000 };
}

function box(value) {
  if (!value) return undefined;
  const [north, south, west, east] = numbers(value, "Box", 4);
  return { north, south, west, east };
}

/** The search as a form, where it has files. */
export function formOf(body, files) {
  const form = new FormData();
  for (const [key, value] of Object.entries(body)) {
    form.set(key, typeof value === "string" ? value : JSON.stringify(value));
  }
  for (const { part, file } of files) form.append(part, file, file.name);
  return form;
}
