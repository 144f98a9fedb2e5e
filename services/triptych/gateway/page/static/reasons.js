// Why a hit is there, in sentences.

import { el, figure, signed } from "./dom.js";
import { LABELS } from "./hits.js";

const FUSED = {
  linear: "The parts are added: a hit that is good by one of them can be on top.",
  product: "The parts are multiplied: a hit must fit all of them.",
  rrf: "Only the places count that the hit has by each part.",
  dbsf: "Each part counts by how far the hit is from the mean of all hits.",
};
const BLOCKS = {
  semantic: "its text", concept: "what is in its picture", visual: "how its picture looks", acoustic: "how it sounds",
  heard: "what is heard in its sound", spoken: "what is said in it", written: "what is written in its picture",
  keywords: "its key words", joint: "what the collection has learnt of all its parts",
};

/** Which of its parts made an item like the query, the strongest first. */
function strongest(blocks) {
  const sorted = Object.entries(blocks ?? {}).filter(([, value]) => value > 0).sort(([, a], [, b]) => b - a);
  return sorted.slice(0, 2).map(([block, value]) => `${BLOCKS[block] ?? block} (cosine ${value.toFixed(2)})`).join(" and ");
}

function percent(value) {
  return `${Math.round(Math.abs(value) * 100)}\u00a0%`;
}

function sentence(signal, reason) {
  const place = `It is number ${reason.rank} by this.`;
  if (signal === "keyword") {
    const found = Object.keys(reason.words ?? {});
    const words = found.map((word) => `“${word}”`).join(", ");
    return `${found.length ? `It has ${found.length === 1 ? "the word" : "the words"} ${words}` : "It has words of the query"}. ${place}`;
  }
  const by = strongest(reason.blocks);
  if (signal.startsWith("not")) {
    const what = { text: "the words", image: "the picture", audio: "the sound" }[signal.slice(4)];
    return reason.contribution < 0
      ? `It is like ${what} that hits should not be like${by ? `, by ${by}` : ""}. That takes ${figure(Math.abs(reason.contribution))} away.`
      : `It is not like ${what} that hits should not be like, so nothing is taken away.`;
  }
  const what = { text: "It means what the words say", image: "It is like the picture", audio: "It is like the sound" }[signal];
  const degree = reason.normalised > 0 ? `${what}, to ${percent(reason.normalised)}${by ? `, by ${by}` : ""}.` : `${what.replace("It means", "It does not mean").replace("It is like", "It is not like")}.`;
  return `${degree} ${place}`;
}

/** The whole reason of a hit as elements. */
export function reasons(hit, fused) {
  const entries = Object.entries(hit.why ?? {}).sort(([, a], [, b]) => Math.abs(b.contribution) - Math.abs(a.contribution));
  return [
    el("p", {}, `Its score is ${figure(hit.score)}. `, FUSED[fused] ?? ""),
    el(
      "ul",
      { class: "sentences" },
      entries.map(([signal, reason]) =>
        el(
          "li",
          { "data-signal": signal },
          el("i", { class: `dot signal-${signal.startsWith("not") ? "not" : signal}` }),
          el("span", {}, el("b", {}, `${LABELS[signal] ?? signal} ${signed(reason.contribution)}`), " — ", sentence(signal, reason)),
        ),
      ),
    ),
  ];
}
