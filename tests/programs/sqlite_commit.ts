/**
 * Commits one transaction to a new database: by wa-sqlite on the library, or by the
 * runtime's own SQLite.
 *
 *   deno run -A sqlite_commit.ts library|runtime DATABASE SYNCHRONOUS
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { Factory } from "wa-sqlite";
import createModule from "wa-sqlite/dist/wa-sqlite-async.mjs";
import { AioVFS } from "../../examples/consumers/sqlite.ts";

const [by, path, synchronous] = Deno.args;
const statements =
  `PRAGMA synchronous = ${synchronous}; CREATE TABLE numbers AS SELECT 1`;

if (by === "library") {
  const sqlite = Factory(await createModule());
  sqlite.vfs_register(new AioVFS() as unknown as SQLiteVFS, true);
  const database = await sqlite.open_v2(path);
  await sqlite.exec(database, statements);
  await sqlite.close(database);
} else {
  const database = new DatabaseSync(path);
  database.exec(statements);
  database.close();
}
console.log(JSON.stringify(by));
