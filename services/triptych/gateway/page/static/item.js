// The page of an item: why it was found, in words.

import { explain, inCollection, post } from "./api.js";
import { byId, el } from "./dom.js";
import { Bar, contributionsOf } from "./hits.js";
import { player } from "./sound.js";
import { reasons } from "./reasons.js";
import { bodyOf, isSearch, readState } from "./state.js";

const MOST = 100;
const { collection, id, audio } = byId("item").dataset;

if (audio) document.querySelector(".look audio").replaceWith(player(collection, id, id, audio));

/** What the search page has kept of the hit, or else what the same search finds. */
async function found() {
  try {
    const kept = JSON.parse(sessionStorage.getItem("hit") ?? "null");
    if (kept && kept.collection === collection && kept.hit.id === id && kept.query === location.search) return kept;
  } catch {
    // It is asked for.
  }
  const state = readState(location.search);
  if (!isSearch(state)) return null;
  const { highlight, facets, cursor, ...body } = bodyOf(state, [], MOST);
  const answer = await post(inCollection(collection, "/search"), { ...body, fields: [] });
  const hit = answer.hits.find((one) => one.id === id);
  return hit && { hit, fusion: answer.fusion };
}

function show(...children) {
  byId("reasons").replaceChildren(...children);
  byId("why").hidden = false;
}

try {
  const kept = await found();
  if (kept?.hit.why) {
    const bar = new Bar();
    bar.show(kept.hit.score, contributionsOf(kept.hit));
    show(bar.element, ...reasons(kept.hit, kept.fusion));
  } else if (isSearch(readState(location.search))) {
    show(el("p", {}, `It is not among the best ${MOST} of this search.`));
  }
} catch (error) {
  show(el("p", { class: "notice bad" }, explain(error)));
}
