/** The runtimes that the npm package is tested on. */
import { run } from "./project.ts";

/** A runtime that the package is tested on. */
export interface OtherRuntime {
  /** What it is, and its version. */
  name: string;
  /** Path of the executable, or `null` if it cannot be had. */
  path: string | null;
  /** Whether it knows `await using`. */
  hasUsing: boolean;
}

interface Wanted {
  name: "node" | "bun";
  /** In the order in which they are wanted; npm has not all for all systems. */
  versions: string[];
  hasUsing: boolean;
  /** Whether every test run has it. */
  isUsual: boolean;
}

/** Set for all of them, not only the oldest Node and the newest of both. */
const ALL = "POSIX_AIO_ALL_RUNTIMES";

/** Whether everything is wanted that can be had. */
export const wantsAll: boolean = (Deno.env.get(ALL) ?? "") !== "";

const WANTED: Wanted[] = [
  // The first Node with Symbol.asyncDispose, which await using needs.
  { name: "node", versions: ["20.4.0", "20"], hasUsing: false, isUsual: true },
  { name: "node", versions: ["22"], hasUsing: false, isUsual: false },
  { name: "node", versions: ["24"], hasUsing: true, isUsual: false },
  { name: "node", versions: ["26"], hasUsing: true, isUsual: true },
  { name: "bun", versions: ["1.2.0"], hasUsing: true, isUsual: false },
  { name: "bun", versions: ["1.2"], hasUsing: true, isUsual: false },
  { name: "bun", versions: ["1.3"], hasUsing: true, isUsual: false },
  { name: "bun", versions: ["1"], hasUsing: true, isUsual: true },
];

/**
 * Gets the runtimes from npm.
 *
 * @param cwd A directory into which none is installed.
 */
export function findRuntimes(cwd: string): Promise<OtherRuntime[]> {
  const wanted = WANTED.filter(({ isUsual }) => wantsAll || isUsual);
  return Promise.all(wanted.map((one) => findRuntime(cwd, one)));
}

/** Gets the newest Node or Bun from npm. */
export function findNewest(
  cwd: string,
  name: "node" | "bun",
): Promise<OtherRuntime> {
  return findRuntime(cwd, WANTED.findLast((wanted) => wanted.name === name)!);
}

/** Gets the oldest Node that the library takes from npm. */
export function findOldestNode(cwd: string): Promise<OtherRuntime> {
  return findRuntime(cwd, WANTED.find(({ name }) => name === "node")!);
}

/** Gets the first Node 20, which has no Symbol.asyncDispose yet. */
export function findFirstNode(cwd: string): Promise<OtherRuntime> {
  const versions = ["20.0.0"];
  return findRuntime(cwd, {
    name: "node",
    versions,
    hasUsing: false,
    isUsual: true,
  });
}

async function findRuntime(
  cwd: string,
  { name, versions, hasUsing }: Wanted,
): Promise<OtherRuntime> {
  const title = name === "node" ? "Node" : "Bun";
  const complaints: string[] = [];
  for (const version of versions) {
    const { code, stdout, stderr } = await run(
      cwd,
      "npx",
      "-y",
      ...packageOf(name, version),
      name,
      "-p",
      `JSON.stringify([process.execPath, process.versions.${name}])`,
    );
    const [path, found] = JSON.parse(code === 0 && stdout || "[]");
    // If npm has left it out, another one from PATH has answered, or nobody.
    if (`${found}.`.startsWith(`${version}.`)) {
      return { name: `${title} ${found}`, path, hasUsing };
    }
    complaints.push(stderr || `${name}@${version} is not in its npm package`);
  }
  const wanted = `${title} ${versions[0]}`;
  console.log(
    `${wanted} cannot be had, its tests are skipped: ${complaints.join("\n")}`,
  );
  return { name: wanted, path: null, hasUsing };
}

/** Arguments of npx that name the npm package of a runtime. */
function packageOf(name: "node" | "bun", version: string): string[] {
  if (name === "bun") {
    // An install script puts the executable into its place.
    return ["--allow-scripts=bun", "-p", `bun@${version}`];
  }
  const { os, arch } = Deno.build;
  const processor = arch === "aarch64" ? "arm64" : "x64";
  // The package node is a script that installs one of these.
  const prefix = os === "darwin" && processor === "arm64" ? "node-bin" : "node";
  return ["-p", `${prefix}-${os}-${processor}@${version}`];
}
