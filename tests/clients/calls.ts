// The main calls by the types that openapi-typescript generates: node calls.js URL COLLECTION.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };

const [url, collection] = process.argv.slice(2) as [string, string];
const client = createClient<paths>({ baseUrl: url });
const path = { collection };

function equal(found: unknown, expected: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(`${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
  }
}

function value<T>(result: { data?: T; error?: unknown }): T {
  if (result.data === undefined) throw new Error(JSON.stringify(result.error));
  return result.data;
}

const ids = (answer: { hits: { id: string }[] }) => answer.hits.map((hit) => hit.id);

equal(value(await client.GET("/readyz")).status, "ready");
equal(value(await client.PUT("/v1/collections/{collection}", { params: { path } })).name, collection);

const item = await client.POST("/v1/collections/{collection}/items", {
  params: { path, query: { wait: 60 } },
  body: { id: "tiger", text: "a tiger", metadata: { legs: 4 } },
});
equal(value(item).id, "tiger");

const lines: components["schemas"]["ItemLine"][] = [
  { id: "lion", text: "a lion", metadata: { legs: 4 } },
  { id: "crow", text: "a crow", tags: ["bird"], metadata: { legs: 2 } },
];
const accepted = value(
  await client.POST("/v1/collections/{collection}/batches", {
    params: { path },
    body: lines.map((line) => JSON.stringify(line)).join("\n"),
    bodySerializer: (body) => body,
    headers: { "Content-Type": "application/x-ndjson" },
  }),
);
const batch = { params: { path: { batch: accepted.batch } } };
for (let look = 0; look < 600; look++) {
  if (value(await client.GET("/v1/batches/{batch}", batch)).state === "done") break;
  await new Promise<void>((resolve) => setTimeout(resolve, 100));
}
equal(value(await client.GET("/v1/batches/{batch}", batch)).done, 2);
equal(value(await client.GET("/v1/batches/{batch}/failures", batch)).failures, []);

const { items } = value(await client.GET("/v1/collections/{collection}", { params: { path } }));
equal(items.total, 3);
const found = value(
  await client.POST("/v1/collections/{collection}/search", {
    params: { path },
    body: { text: "tiger", filter: { "metadata.legs": { gte: 4 } }, facets: ["tags"], limit: 5 },
  }),
);
equal(ids(found), ["tiger", "lion"]);
const birds = value(
  await client.POST("/v1/collections/{collection}/search", {
    params: { path },
    body: { filter: { tags: ["bird"], "metadata.legs": 2 }, sort: [{ field: "id" }] },
  }),
);
equal(ids(birds), ["crow"]);

const tiger = { ...path, item: "tiger" };
const similar = value(
  await client.POST("/v1/collections/{collection}/items/{item}/similar", {
    params: { path: tiger },
    body: { limit: 1 },
  }),
);
equal(ids(similar), ["lion"]);

const one = { params: { path: tiger } };
equal((await client.DELETE("/v1/collections/{collection}/items/{item}", one)).response.status, 204);
const gone = await client.GET("/v1/collections/{collection}/items/{item}", one);
equal(gone.error?.type, "urn:triptych:problem:not-found");
const dropped = await client.DELETE("/v1/collections/{collection}", { params: { path } });
equal(dropped.response.status, 204);
console.log("every call did what it should");
