// Hits: a card each, with the words that matched, its sound, and what made its score.

import { idPath, itemPath } from "./api.js";
import { el, figure, nameOf, signed, svg } from "./dom.js";
import { player } from "./sound.js";

export const LABELS = {
  keyword: "Words", text: "Meaning", image: "Picture", audio: "Sound",
  "not.text": "Not: words", "not.image": "Not: picture", "not.audio": "Not: sound",
};
const WIDTH = 100;
const TEXT_CHARS = 160;

const kind = (signal) => (signal.startsWith("not") ? "not" : signal);
export const contributionsOf = (hit) => Object.entries(hit.why ?? {}).map(([signal, { contribution }]) => [signal, contribution]);

/** A bar of what each signal adds; what is taken away covers the end of what was added. */
export class Bar {
  constructor() {
    this.number = el("span", { class: "number" });
    this.picture = svg("svg", { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" });
    this.list = el("ul", { class: "reasons" });
    this.element = el("div", { class: "score" }, this.number, this.picture, this.list);
    this.pieces = new Map();
  }

  show(score, contributions) {
    this.number.textContent = figure(score);
    const sorted = contributions.toSorted(([, a], [, b]) => (a < 0) - (b < 0));
    let end = 0;
    for (const [signal, value] of sorted) {
      const width = Math.min(Math.abs(value) * WIDTH, WIDTH);
      const begin = value >= 0 ? end : Math.max(end - width, 0);
      end = value >= 0 ? begin + width : begin;
      const piece = this.piece(signal);
      piece.rect.setAttribute("x", begin);
      piece.rect.setAttribute("width", width);
      piece.number.textContent = signed(value);
      piece.row.dataset.value = value;
    }
  }

  piece(signal) {
    let piece = this.pieces.get(signal);
    if (!piece) {
      const number = el("b");
      const row = el("li", { "data-signal": signal }, el("i", { class: `dot signal-${kind(signal)}` }), LABELS[signal] ?? signal, " ", number);
      piece = { number, row, rect: svg("rect", { class: `signal-${kind(signal)}`, y: 0, height: 8 }) };
      this.pieces.set(signal, piece);
      this.picture.append(piece.rect);
      this.list.append(row);
    }
    return piece;
  }
}

/** A snippet with its matches marked; spans count code points. */
export function marked({ text, spans }) {
  const letters = Array.from(text);
  const pieces = [];
  let end = 0;
  for (const [begin, until] of spans) {
    pieces.push(letters.slice(end, begin).join(""), el("mark", {}, letters.slice(begin, until).join("")));
    end = until;
  }
  return [...pieces, letters.slice(end).join("")];
}

const shorten = (text) => (text.length > TEXT_CHARS ? `${text.slice(0, TEXT_CHARS - 1)}…` : text);

/** The card of a hit: {element, bar}. */
export function card(collection, hit, { query = "", onsimilar, onopen } = {}) {
  const item = hit.item ?? {};
  const parts = item.modalities ?? [];
  const name = nameOf(item, hit.id);
  const thumb = parts.includes("image") ? picture(collection, hit.id, item.media?.image) : quote(item, hit.id);
  const open = el("a", { class: "open", href: `/c/${collection}/items/${idPath(hit.id)}${query}` }, thumb, el("span", { class: "name" }, name));
  if (onopen) open.addEventListener("click", () => onopen(hit));
  const bar = new Bar();
  if (hit.score !== null) bar.show(hit.score, contributionsOf(hit));
  const element = el(
    "li",
    { class: "hit", "data-id": hit.id },
    open,
    words(hit, item, parts),
    parts.includes("audio") && player(collection, hit.id, name, item.media?.audio),
    hit.score !== null && bar.element,
    onsimilar && parts.length > 0 &&
      el("button", { type: "button", class: "similar", "aria-label": `Similar to ${name}`, onclick: () => onsimilar(hit) }, "Similar"),
  );
  return { element, bar };
}

function picture(collection, id, digest) {
  return el("img", {
    class: "thumb", src: itemPath(collection, id, `/thumbnail?size=320${digest ? `&digest=${digest}` : ""}`), alt: "", loading: "lazy", decoding: "async",
    onerror: (event) => event.target.replaceWith(el("span", { class: "thumb quote" }, "This picture can’t be shown here")),
  });
}

const quote = (item, id) => el("span", { class: "thumb quote" }, shorten(item.text || item.title || id));

function words(hit, item, parts) {
  const snippets = Object.values(hit.highlights ?? {}).map(([first]) => first).filter(Boolean);
  if (snippets.length) return el("p", { class: "text" }, snippets.slice(0, 2).flatMap((one) => [...marked(one), " "]));
  if (item.text && parts.includes("image")) return el("p", { class: "text" }, shorten(item.text));
  return null;
}
