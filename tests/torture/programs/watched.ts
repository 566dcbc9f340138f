/** What `in_flight.c` has seen; nothing where it does not watch. */
export function watched(): {
  submissions?: number;
  frees?: number;
  violations?: number;
} {
  const library = Deno.env.get("LD_PRELOAD");
  if (!library?.includes("in_flight")) return {};
  const count = { parameters: [], result: "i64" } as const;
  const { symbols } = Deno.dlopen(library, {
    in_flight_submissions: count,
    in_flight_frees: count,
    in_flight_violations: count,
  });
  return {
    submissions: Number(symbols.in_flight_submissions()),
    frees: Number(symbols.in_flight_frees()),
    violations: Number(symbols.in_flight_violations()),
  };
}
