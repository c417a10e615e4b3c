/** graphql-http's audits of a server that speaks GraphQL over HTTP. */
import { auditServer } from "graphql-http";
import { httpUrl, say } from "./stage";

for (const result of await auditServer({ url: httpUrl })) {
  say({ name: result.name, status: result.status, reason: "reason" in result ? result.reason : null });
}
