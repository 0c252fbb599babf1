// PostGraphile with its Amber preset over `views.sql`, without tools for developers.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

import pg from "pg";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";

const connectionString = process.env.DATABASE_URL;
const connections = Number(process.env.CONNECTIONS);

const client = new pg.Client({ connectionString });
await client.connect();
await client.query(await readFile(new URL("views.sql", import.meta.url), "utf8"));
await client.end();

const instance = postgraphile({
  extends: [PostGraphileAmberPreset],
  pgServices: [
    makePgService({
      connectionString,
      schemas: ["postgraphile"],
      pubsub: false,
      poolConfig: {
        max: connections,
        min: connections,
        idleTimeoutMillis: 0,
        options: "-c jit=off -c timezone=UTC",
      },
    }),
  ],
  grafast: { explain: false },
  grafserv: {
    graphiql: false,
    // The runner asks over GET whether the schema has been built.
    graphqlOverGET: true,
    outputDataAsString: true,
    watch: false,
    websockets: false,
  },
});
const server = createServer();
await instance.createServ(grafserv).addTo(server);
server.listen(Number(process.env.PORT), "127.0.0.1");
