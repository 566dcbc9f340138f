/**
 * The platforms the library knows, each with a file of its own in `platforms/`.
 *
 * Data only, so that it loads everywhere; `tests/ffi/layout_test.ts` compares it
 * with what the C compilers of the machine make of the system's own headers.
 *
 * @module
 */
import type { Architecture, Platform, System } from "./platform.ts";
import { DARWIN } from "./platforms/darwin.ts";
import { FREEBSD } from "./platforms/freebsd.ts";
import { LINUX_GLIBC } from "./platforms/linux_glibc.ts";
import { LINUX_MUSL } from "./platforms/linux_musl.ts";
import { NETBSD } from "./platforms/netbsd.ts";

const SYSTEMS: readonly System[] = [
  LINUX_GLIBC,
  LINUX_MUSL,
  DARWIN,
  FREEBSD,
  NETBSD,
];

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  x86_64: "x86_64",
  x64: "x86_64",
  aarch64: "aarch64",
  arm64: "aarch64",
};

/**
 * The table of a system.
 *
 * @param os The operating system as runtimes name it, such as `linux`.
 * @param arch The architecture as runtimes name it: `x64` is `x86_64` and
 * `arm64` is `aarch64`.
 * @param isMusl Which of its two C libraries it is on Linux.
 * @returns The table, or `null` where there is none.
 */
export function platformFor(
  os: string,
  arch: string,
  isMusl = false,
): Platform | null {
  const system = SYSTEMS.find((one) => one.os === os && one.isMusl === isMusl);
  if (system === undefined || !Object.hasOwn(ARCHITECTURES, arch)) return null;
  const architecture = ARCHITECTURES[arch];
  const { namePrefix, libraries, constants, ...rest } = system;
  return {
    ...rest,
    arch: architecture,
    name: `${namePrefix}-${architecture}`,
    libraries: libraries(architecture),
    constants: constants(architecture),
  };
}
