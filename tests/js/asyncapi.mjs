// Prints what AsyncAPI's own parser knows of a document, or what is wrong with it.

import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(
  readFileSync(process.argv[2], "utf-8"),
);
const wrong = diagnostics.filter((each) => each.severity === 0);
const operations = document?.allOperations().all() ?? [];
console.log(
  JSON.stringify({
    wrong: wrong.map((each) => `${each.path.join(".")}: ${each.message}`),
    version: document?.version(),
    operations: operations.map((each) => [each.action(), each.messages()[0].name()]),
  }),
);
