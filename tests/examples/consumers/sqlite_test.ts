/**
 * wa-sqlite on the library: what it writes the runtime's own SQLite reads, and the other
 * way round.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
} from "@std/assert";
import { copyFile, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { DatabaseSync } from "node:sqlite";
import { Factory, SQLITE_OPEN_READONLY, SQLiteError } from "wa-sqlite";
import createModule from "wa-sqlite/dist/wa-sqlite-async.mjs";
import { AioVFS } from "../../../examples/consumers/sqlite.ts";
import { AioError } from "../../../mod.ts";
import { FsVFS } from "../../../scripts/bench/consumers/node_fs.ts";
import {
  makeSqlite,
  textOf,
} from "../../../scripts/bench/consumers/samples.ts";
import {
  canStrace,
  Directory,
  report,
  strace,
  testWith,
} from "../../helpers/mod.ts";
import { visibleCalls } from "../../helpers/native.ts";

const ROWS = 2_000;

const test = testWith(() => new Directory());

/**
 * Where the library closes no lane before the file, which would take the locks from
 * the process that another SQLite of it has.
 */
const KEEPS_LOCKS = import.meta.url;

type Row = (number | string | null)[];

/** A connection of wa-sqlite, with a module of WebAssembly of its own. */
class Connection implements AsyncDisposable {
  private constructor(
    private readonly sqlite: SQLiteAPI,
    private readonly database: number,
  ) {}

  static async open(
    path: string,
    vfs: AioVFS | FsVFS = new AioVFS(),
    flags?: number,
  ): Promise<Connection> {
    const sqlite = Factory(await createModule());
    sqlite.vfs_register(vfs as unknown as SQLiteVFS, true);
    return new Connection(sqlite, await sqlite.open_v2(path, flags));
  }

  async rows(statements: string): Promise<Row[]> {
    const rows: Row[] = [];
    await this.sqlite.exec(
      this.database,
      statements,
      (row) => rows.push(row as Row),
    );
    return rows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sqlite.close(this.database);
  }
}

/** What the runtime's own SQLite gives. */
function rowsByNode(path: string, statement: string): Row[] {
  const database = new DatabaseSync(path);
  try {
    return database.prepare(statement).all()
      .map((row) => Object.values(row) as Row);
  } finally {
    database.close();
  }
}

const ALL = "SELECT * FROM texts ORDER BY id";

test("AioVFS has wa-sqlite read what another SQLite wrote, as through node:fs", async ({ path }) => {
  const name = `${path}/texts.db`;
  makeSqlite(name, ROWS);
  await using connection = await Connection.open(name);
  const rows = await connection.rows(ALL);
  assertEquals(rows, Array.from({ length: ROWS }, (_, id) => [id, textOf(id)]));
  await using throughFs = await Connection.open(
    name,
    new FsVFS(),
    SQLITE_OPEN_READONLY,
  );
  assertEquals(rows, await throughFs.rows(ALL));
});

test("AioVFS has wa-sqlite write what another SQLite reads", async ({ path }) => {
  const name = `${path}/new.db`;
  {
    await using connection = await Connection.open(name);
    await connection.rows(`
      CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT);
      WITH RECURSIVE numbers (n) AS
        (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 9999)
        INSERT INTO texts SELECT n, hex(zeroblob(n % 50)) FROM numbers;
      DELETE FROM texts WHERE id >= 500;
      VACUUM;
    `);
  }
  assertEquals(rowsByNode(name, "PRAGMA integrity_check"), [["ok"]]);
  assertEquals(
    rowsByNode(name, ALL),
    Array.from({ length: 500 }, (_, n) => [n, "00".repeat(n % 50)]),
  );
  assertEquals([...Deno.readDirSync(path)].map(({ name }) => name), ["new.db"]);
});

test("AioVFS has wa-sqlite undo a transaction", async ({ path }) => {
  const name = `${path}/texts.db`;
  makeSqlite(name, ROWS);
  {
    await using connection = await Connection.open(name);
    // With hardly a cache, pages are in the file before the transaction ends.
    const [[count]] = await connection.rows(`
      PRAGMA cache_size = 2;
      BEGIN; DELETE FROM texts; SELECT count(*) FROM texts; ROLLBACK;
    `);
    assertEquals(count, 0);
  }
  assertEquals(rowsByNode(name, "SELECT count(*) FROM texts"), [[ROWS]]);
  assertEquals(rowsByNode(name, "PRAGMA integrity_check"), [["ok"]]);
});

test("AioVFS has wa-sqlite recover what a crash left in the middle", async ({ path }) => {
  const name = `${path}/texts.db`, crashed = `${path}/crashed.db`;
  makeSqlite(name, ROWS);
  const database = new DatabaseSync(name);
  database.exec("PRAGMA cache_size = 2; BEGIN; UPDATE texts SET text = 'new'");
  await copyFile(name, crashed);
  await copyFile(`${name}-journal`, `${crashed}-journal`);
  database.exec("ROLLBACK");
  database.close();
  const before = await Deno.readFile(name);
  assert(
    (await Deno.readFile(crashed)).some((byte, at) => byte !== before[at]),
  );
  {
    await using connection = await Connection.open(crashed);
    assertEquals(
      await connection.rows("SELECT count(*) FROM texts WHERE text = 'new'"),
      [[0]],
    );
  }
  assertEquals(await Deno.readFile(crashed), before);
  await assertRejects(() => stat(`${crashed}-journal`));
});

test("AioVFS has wa-sqlite sort by files that go", async ({ path }) => {
  const temporary = () =>
    [...Deno.readDirSync(tmpdir())].map(({ name }) => name)
      .filter((name) => name.startsWith("sqlite-"));
  const opened: (string | null)[] = [];
  const vfs = new class extends AioVFS {
    override xOpen(
      ...[name, ...rest]: Parameters<AioVFS["xOpen"]>
    ): number {
      opened.push(name);
      return super.xOpen(name, ...rest);
    }
  }();
  const before = temporary();
  await using connection = await Connection.open(`${path}/texts.db`, vfs);
  const [[largest]] = await connection.rows(`
    PRAGMA cache_size = 2;
    WITH RECURSIVE numbers (n) AS
      (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 19999)
      SELECT max(text) FROM
        (SELECT hex(zeroblob(100)) || n AS text FROM numbers ORDER BY text);
    `);
  assert(String(largest).endsWith("9999"));
  assert(opened.includes(null), "there was room in memory");
  assertEquals(temporary(), before);
});

/** Whether SQLite says that somebody else has locked the database. */
async function isBusy(outcome: () => unknown): Promise<boolean> {
  try {
    await outcome();
    return false;
  } catch (error) {
    assertEquals((error as Error).message, "database is locked");
    return true;
  }
}

test("AioVFS locks out another SQLite that writes, and later one that reads", async ({ path }) => {
  const name = `${path}/texts.db`;
  makeSqlite(name, ROWS);
  await using connection = await Connection.open(name);
  using other = new DatabaseSync(name);
  const reads = () => other.prepare("SELECT count(*) FROM texts").all();
  const writes = () => other.exec("BEGIN IMMEDIATE; ROLLBACK");

  await connection.rows("BEGIN; SELECT count(*) FROM texts");
  assertEquals([await isBusy(reads), await isBusy(writes)], [false, false]);
  await connection.rows("DELETE FROM texts WHERE id = 0");
  assertEquals([await isBusy(reads), await isBusy(writes)], [false, true]);
  await connection.rows("COMMIT");
  assertEquals([await isBusy(reads), await isBusy(writes)], [false, false]);
  await connection.rows("BEGIN EXCLUSIVE");
  assertEquals([await isBusy(reads), await isBusy(writes)], [true, true]);
  await connection.rows("COMMIT");
  assertEquals([await isBusy(reads), await isBusy(writes)], [false, false]);
});

test("AioVFS heeds another SQLite that writes, and leaves its journal alone", {
  onFirstThread: KEEPS_LOCKS,
}, async ({ path }) => {
  const name = `${path}/texts.db`;
  makeSqlite(name, ROWS);
  await using connection = await Connection.open(name);
  using other = new DatabaseSync(name);
  const reads = () => connection.rows("SELECT count(*) FROM texts");
  const writes = () => connection.rows("BEGIN IMMEDIATE; ROLLBACK");

  other.exec("BEGIN; DELETE FROM texts WHERE id < 10");
  assert((await stat(`${name}-journal`)).isFile());
  assertEquals(await reads(), [[ROWS]]);
  assertEquals(await isBusy(writes), true);
  other.exec("COMMIT; BEGIN EXCLUSIVE");
  assertEquals([await isBusy(reads), await isBusy(writes)], [true, true]);
  other.exec("COMMIT");
  assertEquals(await reads(), [[ROWS - 10]]);
  assertEquals(await isBusy(writes), false);
});

test("AioVFS commits when those who read are done, and nobody begins before", async ({ path }) => {
  const name = `${path}/texts.db`;
  makeSqlite(name, ROWS);
  await using writer = await Connection.open(name);
  await using reader = await Connection.open(name);
  await using latecomer = await Connection.open(name);
  const count = "SELECT count(*) FROM texts";
  await reader.rows(`BEGIN; ${count}`);
  await writer.rows("BEGIN; DELETE FROM texts WHERE id = 0");
  assertEquals(await latecomer.rows(count), [[ROWS]]);

  assertEquals(await isBusy(() => writer.rows("COMMIT")), true);
  assertEquals(await isBusy(() => latecomer.rows(count)), true);
  assertEquals(await reader.rows(count), [[ROWS]]);
  await reader.rows("COMMIT");
  await writer.rows("COMMIT");
  assertEquals(await latecomer.rows(count), [[ROWS - 1]]);
});

test("AioVFS gives its locks up where SQLite fails to become exclusive", {
  onFirstThread: KEEPS_LOCKS,
}, async ({ path }) => {
  const name = `${path}/texts.db`;
  makeSqlite(name, ROWS);
  await using writer = await Connection.open(name);
  using reader = new DatabaseSync(name);
  reader.exec("BEGIN");
  reader.prepare("SELECT count(*) FROM texts").all();
  await writer.rows("BEGIN; DELETE FROM texts");
  assertEquals(await isBusy(() => writer.rows("COMMIT")), true);
  await writer.rows("ROLLBACK");
  assertEquals(
    await isBusy(() => reader.exec("DELETE FROM texts; COMMIT")),
    false,
  );
  assertEquals(await writer.rows("SELECT count(*) FROM texts"), [[0]]);
});

test("AioVFS loses no update of connections that write in turn", async ({ path }) => {
  const name = `${path}/counter.db`, times = 25;
  {
    await using connection = await Connection.open(name);
    await connection.rows("CREATE TABLE counter AS SELECT 0 AS count");
  }
  const increment = async (connection: Connection) => {
    for (let done = 0; done < times;) {
      const isRefused = await isBusy(() =>
        connection.rows("UPDATE counter SET count = count + 1")
      );
      if (!isRefused) done++;
      else await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  await using first = await Connection.open(name);
  await using second = await Connection.open(name);
  await Promise.all([increment(first), increment(second)]);
  assertEquals(rowsByNode(name, "SELECT * FROM counter"), [[2 * times]]);
});

test("AioVFS says that the database is locked where a journal goes that SQLite has just seen", async ({ path }) => {
  const name = `${path}/texts.db`;
  makeSqlite(name, ROWS);
  const gone = [`${name}-journal`];
  const vfs = new class extends AioVFS {
    override xAccess(
      ...[path, flags, isThere]: Parameters<AioVFS["xAccess"]>
    ): number {
      if (gone[0] !== path) return super.xAccess(path, flags, isThere);
      gone.pop();
      isThere.setInt32(0, 1, true);
      return 0;
    }
  }();
  await using connection = await Connection.open(name, vfs);
  const count = () => connection.rows("SELECT count(*) FROM texts");
  assertEquals(await isBusy(count), true);
  assertEquals(await count(), [[ROWS]]);
});

test("AioVFS without locks reads what another SQLite has locked", async ({ path }) => {
  const name = `${path}/texts.db`;
  makeSqlite(name, ROWS);
  await using connection = await Connection.open(
    name,
    new AioVFS({ locks: false }),
  );
  using other = new DatabaseSync(name);
  other.exec("BEGIN EXCLUSIVE");
  assertEquals(await connection.rows("SELECT count(*) FROM texts"), [[ROWS]]);
});

test("AioVFS tells why SQLite could not", async ({ path }) => {
  const vfs = new AioVFS();
  const missing = `${path}/missing/texts.db`;
  await assertRejects(() => Connection.open(missing, vfs), SQLiteError);
  assertInstanceOf(vfs.lastError, AioError);
  const { code, path: where } = vfs.lastError as AioError;
  assertEquals([code, where], ["ENOENT", missing]);
});

/**
 * What is synchronized in a directory for one commit: files by name, and the directory
 * as often as it is. (The library may have several descriptors of a file.)
 */
async function synchronized(
  directory: string,
  ...[by, synchronous]: string[]
): Promise<string[]> {
  const record = `${directory}.${by}`, database = `${directory}/texts.db`;
  await report("sqlite_commit", {
    args: [by, database, synchronous],
    wrapper: strace(record, "-y", "-e", "trace=fsync,fdatasync"),
    env: visibleCalls() ?? {},
  });
  await Deno.remove(database);
  const calls = await Deno.readTextFile(record);
  const paths = [...calls.matchAll(/f(?:data)?sync\(\d+<([^>]*)>/g)]
    .map(([, path]) => path).filter((path) => path.startsWith(directory));
  const files = new Set(paths.filter((path) => path !== directory));
  return [...files, ...paths.filter((path) => path === directory)]
    .map((path) => path.slice(directory.length)).toSorted();
}

for (const [synchronous, times] of [["FULL", 1], ["EXTRA", 2]] as const) {
  test(
    `AioVFS synchronizes what SQLite's own way does, directories too, if ${synchronous}`,
    {
      ignore: !canStrace() || visibleCalls() === null,
    },
    async (directory) => {
      const inner = directory.at("inner");
      await Deno.mkdir(inner);
      const names = await synchronized(inner, "library", synchronous);
      const itself = Array.from({ length: times }, () => "");
      assertEquals(names, [...itself, "/texts.db", "/texts.db-journal"]);
      assertEquals(names, await synchronized(inner, "runtime", synchronous));
    },
  );
}
