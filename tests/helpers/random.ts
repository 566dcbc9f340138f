/**
 * Numbers that look random, and are the same in each run.
 *
 * @returns A function that returns an integer from 0 on and below its argument.
 */
export function randomNumbers(): (below: number) => number {
  let seed = 1;
  return (below) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor(seed / 2 ** 31 * below);
  };
}
