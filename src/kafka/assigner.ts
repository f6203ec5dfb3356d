/**
 * Who gets which partition: balanced to within one, and sticky.
 *
 * kafkajs has round robin only, by an id that changes at each join, so any rebalance moves nearly everything; and what moves
 * has to be restored. Here a member says what it has had and what lies on its disk, and it is let keep, or given back, as
 * much of that as balance allows. Deterministic: the same claims give the same assignment, whichever member leads.
 */

export interface Claim {
  /** Distinct; stays the same over restarts if the instance is to get its partitions back. */
  readonly name: string;
  /** Partitions that it had until now, in its group generation `generation`. */
  readonly owned: readonly number[];
  readonly generation: number;
  /** Partitions whose state lies on its disk, though it may not have had them lately. */
  readonly local: readonly number[];
}

/** The partitions of each claim, at its index, ascending. */
export function assignPartitions(claims: readonly Claim[], partitionCount: number): number[][] {
  const order = claims.map((_, index) => index).sort((a, b) => (claims[a]!.name < claims[b]!.name ? -1 : 1));
  const given = owners(claims, order, partitionCount);
  const caps = capacities(given, order, partitionCount);
  const local = claims.map((claim) => new Set(claim.local));
  const free = release(given, caps, local, partitionCount);
  for (const partition of free) {
    const open = order.filter((index) => given[index]!.length < caps[index]!);
    const holder = open.find((index) => local[index]!.has(partition)) ?? leastLoaded(open, given);
    given[holder]!.push(partition);
  }
  return given.map((partitions) => partitions.sort((a, b) => a - b));
}

/** Two may claim one partition after a member was away: the later generation had it last. */
function owners(claims: readonly Claim[], order: readonly number[], partitionCount: number): number[][] {
  const given = claims.map((): number[] => []);
  const latestFirst = [...order].sort((a, b) => claims[b]!.generation - claims[a]!.generation);
  const taken = new Set<number>();
  for (const index of latestFirst) {
    for (const partition of claims[index]!.owned) {
      if (partition < 0 || partition >= partitionCount || taken.has(partition)) continue;
      taken.add(partition);
      given[index]!.push(partition);
    }
  }
  return given;
}

/** Whoever has most keeps the odd one. */
function capacities(given: readonly number[][], order: readonly number[], partitionCount: number): number[] {
  const base = Math.floor(partitionCount / given.length);
  const larger = partitionCount % given.length;
  const caps = given.map(() => base);
  const mostFirst = [...order].sort((a, b) => given[b]!.length - given[a]!.length);
  for (const index of mostFirst.slice(0, larger)) caps[index]! += 1;
  return caps;
}

/** Takes away what is above the capacity, first what lies on the disk of a member with room. Returns all that nobody has. */
function release(
  given: readonly number[][],
  caps: readonly number[],
  local: readonly ReadonlySet<number>[],
  partitionCount: number,
): number[] {
  const wanted = (partition: number): boolean =>
    local.some((set, index) => set.has(partition) && given[index]!.length < caps[index]!);
  for (const [index, partitions] of given.entries()) {
    const excess = partitions.length - caps[index]!;
    if (excess <= 0) continue;
    const lastToGo = [...partitions].sort((a, b) => Number(wanted(a)) - Number(wanted(b)) || a - b);
    partitions.splice(0, partitions.length, ...lastToGo.slice(0, caps[index]));
  }
  const held = new Set(given.flat());
  const free = Array.from({ length: partitionCount }, (_, partition) => partition).filter((p) => !held.has(p));
  // What a member with room has on its disk goes first, so that no other partition takes that room.
  return free.sort((a, b) => Number(wanted(b)) - Number(wanted(a)) || a - b);
}

function leastLoaded(open: readonly number[], given: readonly number[][]): number {
  return open.reduce((least, index) => (given[index]!.length < given[least]!.length ? index : least));
}
