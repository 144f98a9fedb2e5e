// Hits under other weights, from the reasons that the API gave: the formula of fusion/query.py,
// fusion/scores.py and fusion/product.py. What is on the screen is re-ranked at once by it, before
// the API is asked anew.
//
// A reason has w · m^(−1/2) as its weight, m being the sum of the weights that query and item
// share. So the sum of the positive weights of a hit is m^(1/2), which tells w. A hit with a text
// that has none of the words has no reason for them, though their weight is in m: it is taken from
// another hit, since it is the same for all.
//
// Of rrf the ranks stay as they were. Where items lack parts, other weights may change some of
// them by one or two, until the API's answer is there.

const SMOOTHING = 0.1;

const isAgainst = (signal) => signal.startsWith("not");
const isWorded = ({ item }) =>
  Boolean(item.text || item.transcript || item.writing || (item.modalities ?? []).includes("text"));

/**
 * Score hits under other weights, best first.
 *
 * @param hits of one answer, with their reasons.
 * @param before the weights by which they were scored, by signal.
 * @param after the weights that are wanted.
 * @param fused how the answer says that they were scored.
 * @returns entries {hit, score, contributions: [[signal, value], …]}
 */
export function rerank(hits, before, after, fused) {
  const factor = {};
  for (const name of Object.keys(after)) factor[name] = before[name] > 0 ? after[name] / before[name] : 0;
  const keyword = keywordWeight(hits);
  const measured = hits.map((hit) => measure(hit, keyword));
  const total = norm(measured, factor);
  const scored = measured.map((one) => score(one, factor, total, fused));
  return scored.sort((a, b) => b.score - a.score || (a.hit.id < b.hit.id ? -1 : 1));
}

function keywordWeight(hits) {
  for (const { why } of hits) {
    if (why?.keyword) return why.keyword.weight * positive(why);
  }
  return 0;
}

const positive = (why) => Object.entries(why).reduce((sum, [signal, { weight }]) => (isAgainst(signal) ? sum : sum + weight), 0);

/** The weights of a hit as they were before they were scaled by what it shares with the query. */
function measure(hit, keyword) {
  const why = hit.why ?? {};
  const sum = positive(why);
  const missing = !why.keyword && isWorded(hit) ? keyword : 0;
  // sum = v / sqrt(v + missing), v being the weights of the signals that the hit has.
  const own = missing ? (sum ** 2 + Math.sqrt(sum ** 4 + 4 * missing * sum ** 2)) / 2 : sum ** 2;
  const scale = own + missing > 0 ? (own + missing) ** -0.5 : 0;
  const weights = {};
  for (const [signal, reason] of Object.entries(why)) weights[signal] = scale > 0 ? reason.weight / scale : 0;
  return { hit, why, weights, missing };
}

/** The new sum of all weights of the query, which are to be one: what the fullest hit has of each. */
function norm(measured, factor) {
  const most = {};
  for (const { weights } of measured) {
    for (const [signal, weight] of Object.entries(weights)) {
      if (!isAgainst(signal)) most[signal] = Math.max(most[signal] ?? 0, weight);
    }
  }
  let old = 0;
  let now = 0;
  for (const [signal, weight] of Object.entries(most)) {
    old += weight;
    now += weight * (factor[signal] ?? 1);
  }
  return now > 0 && old > 0 ? now / old : 1;
}

function score({ hit, why, weights, missing }, factor, total, fused) {
  const factorOf = (signal) => factor[signal] ?? 1;
  const changed = {};
  let mass = (missing * (factor.keyword ?? 1)) / total;
  for (const [signal, weight] of Object.entries(weights)) {
    // A negative part has the weight of its kind times that of `not`, and is not in the divisor.
    const own = isAgainst(signal) ? factorOf(signal.slice(4)) * factorOf("not") : factorOf(signal);
    changed[signal] = (weight * own) / total;
    if (!isAgainst(signal)) mass += changed[signal];
  }
  const scale = mass > 0 ? mass ** -0.5 : 0;
  const contributions = {};
  for (const [signal, { normalised }] of Object.entries(why)) contributions[signal] = changed[signal] * scale * normalised;
  if (fused === "product") {
    const silent = (missing * (factor.keyword ?? 1) * scale) / total;
    Object.assign(contributions, shares(why, changed, scale, silent));
  }
  const entries = Object.entries(contributions);
  return { hit, score: entries.reduce((sum, [, value]) => sum + value, 0), contributions: entries };
}

/** The Shapley values of a product. */
function shares(why, weights, scale, silent) {
  const signals = Object.keys(why).filter((signal) => !isAgainst(signal));
  const parts = {};
  for (const signal of signals) {
    const part = signal === "keyword" ? "text" : signal;
    parts[part] = (parts[part] ?? 0) + weights[signal] * scale;
  }
  if (silent) parts.text = (parts.text ?? 0) + silent;
  const mass = Object.values(parts).reduce((sum, value) => sum + value, 0);
  const worth = (known) => {
    if (!mass) return 0;
    let logarithms = 0;
    for (const [part, weight] of Object.entries(parts)) {
      let value = 0;
      signals.forEach((signal, place) => {
        const of = signal === "keyword" ? "text" : signal;
        if (of === part && known & (1 << place)) value = Math.max(value, why[signal].normalised);
      });
      logarithms += weight * Math.log(value + SMOOTHING);
    }
    return (Math.exp(logarithms / mass) - SMOOTHING) * mass;
  };
  const worths = Array.from({ length: 1 << signals.length }, (_, known) => worth(known));
  const factorial = (number) => (number < 2 ? 1 : number * factorial(number - 1));
  const bits = (number) => (number ? (number & 1) + bits(number >> 1) : 0);
  const found = {};
  signals.forEach((signal, place) => {
    found[signal] = 0;
    worths.forEach((value, known) => {
      if (known & (1 << place)) return;
      const others = bits(known);
      const share = (factorial(others) * factorial(signals.length - others - 1)) / factorial(signals.length);
      found[signal] += share * (worths[known | (1 << place)] - value);
    });
  });
  return found;
}
