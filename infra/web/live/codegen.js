// Writes src/generated.ts: a type for each operation of src/documents, checked against the server's own schema, and the
// parsed document beside it. An operation that the schema does not allow ends the build here.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { codegen } from "@graphql-codegen/core";
import * as typedDocumentNode from "@graphql-codegen/typed-document-node";
import * as typescript from "@graphql-codegen/typescript";
import * as operations from "@graphql-codegen/typescript-operations";
import { parse } from "graphql";

const DOCUMENTS = new URL("src/documents/", import.meta.url);
const SCHEMA = new URL("../../../schema/schema.graphql", import.meta.url);
const OUTPUT = new URL("src/generated.ts", import.meta.url);

const names = (await readdir(DOCUMENTS)).filter((name) => name.endsWith(".graphql")).sort();
const read = async (url) => parse(await readFile(url, "utf8"));
const documents = await Promise.all(
  names.map(async (name) => ({ location: name, document: await read(new URL(name, DOCUMENTS)) })),
);
const written = await codegen({
  filename: "generated.ts",
  schema: await read(SCHEMA),
  documents,
  config: {
    enumsAsTypes: true,
    onlyOperationTypes: true,
    scalars: { DateTime: "string", ID: "string" },
    skipTypename: true,
    inlineFragmentTypes: "combine",
    useTypeImports: true,
  },
  plugins: [{ typescript: {} }, { operations: {} }, { typedDocumentNode: {} }],
  pluginMap: { typescript, operations, typedDocumentNode },
});
await writeFile(OUTPUT, written);
