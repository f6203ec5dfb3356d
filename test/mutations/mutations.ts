import { SIMULATED, UNSEEN } from './deployment.ts';

/** Bugs of one line that the tests must notice: `npx tsx scripts/mutations.ts` plants one after the other in a copy. */
export interface Mutation {
  /** What goes wrong, for people. */
  readonly name: string;
  readonly file: string;
  /** Occurs once in the file. */
  readonly search: string;
  readonly replacement: string;
  /** Test files of which one at least must fail. */
  readonly tests: readonly string[];
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'a post as old as the window is still in it',
    file: 'src/windows/node-ring.ts',
    search: 'this.ageMs(slot) < this.#windowMs',
    replacement: 'this.ageMs(slot) <= this.#windowMs',
    tests: ['test/windows/bucket-index.test.ts'],
  },
  {
    name: 'a full bucket keeps the candidates of largest priority',
    file: 'src/windows/bucket-chains.ts',
    search: 'if (priority < this.#priorities[largest]!)',
    replacement: 'if (priority > this.#priorities[largest]!)',
    tests: ['test/windows/bucket-chains.test.ts'],
  },
  {
    name: 'a chain goes on into a slot that has been taken anew',
    file: 'src/windows/bucket-chains.ts',
    search: '>= live) lines[i] = 0',
    replacement: '>= 2 ** 31) lines[i] = 0',
    tests: ['test/windows/bucket-index.test.ts'],
  },
  {
    name: 'of two tokens in 16 bits the rarer one counts',
    file: 'src/fingerprints/similarity.ts',
    search: 'shared += (own < level ? own : level)',
    replacement: 'shared += (own > level ? own : level)',
    tests: ['test/fingerprints/similarity.test.ts'],
  },
  {
    name: 'a counter is compared by its highest bits alone',
    file: 'src/fingerprints/kernel-simhash.ts',
    search: 'high.set(high.andNot(odd).or(a.and(odd)))',
    replacement: 'high.set(high.or(a.and(odd)))',
    tests: ['test/fingerprints/simhash.test.ts'],
  },
  {
    name: 'two accounts speak for a text of little evidence',
    file: 'src/windows/text-nodes.ts',
    search: 'node.massNats >= rule.massMinNats ? Infinity : 1;',
    replacement: 'node.massNats >= rule.massMinNats ? Infinity : 2;',
    tests: ['test/windows/text-nodes.test.ts'],
  },
  {
    name: 'a post is known for ever',
    file: 'src/stages/campaign.ts',
    search: 'return knownMs !== undefined && knownMs > this.#expiredMs;',
    replacement: 'return knownMs !== undefined;',
    tests: ['test/stages/campaign.test.ts', 'test/stages/engine.test.ts'],
  },
  {
    name: 'an alert is revised late when it doubles',
    file: 'src/stages/campaign.ts',
    search: 'campaign.accounts.size >= 2 * state.publishedAccounts',
    replacement: 'campaign.accounts.size > 2 * state.publishedAccounts',
    tests: ['test/stages/engine.test.ts'],
  },
  {
    name: 'the first post of a repeated text is not sent',
    file: 'src/stages/match.ts',
    search: 'if (!index.isRepeated(slot))',
    replacement: 'if (index.isRepeated(slot))',
    tests: ['test/stages/engine.test.ts'],
  },
  {
    name: 'an edit takes itself away',
    file: 'src/stages/fingerprint.ts',
    search: 'if (replaced === id ||',
    replacement: 'if (',
    tests: ['test/runtime/fingerprint-task.test.ts'],
  },
  {
    name: 'a retraction takes the version of its own time away',
    file: 'src/windows/retractions.ts',
    search: 'held.filter(({ versionMs }) => versionMs < beforeMs)',
    replacement: 'held.filter(({ versionMs }) => versionMs <= beforeMs)',
    tests: ['test/stages/retractions.test.ts', 'test/stages/engine.test.ts'],
  },
  {
    name: 'a retraction is forgotten before its post has left the window',
    file: 'src/stages/campaign.ts',
    search: 'return this.#expiredMs - this.#settings.latenessMs;',
    replacement: 'return this.#expiredMs + this.#settings.windowMs / 2;',
    tests: ['test/stages/retractions.test.ts', 'test/stages/engine.test.ts'],
  },
  {
    name: 'a text goes on being shown when its post is gone',
    file: 'src/stages/campaign.ts',
    search: 'node.renewText(this.#expiredMs);',
    replacement: 'touched.add(node);',
    tests: ['test/stages/retractions.test.ts'],
  },
  {
    name: 'an account goes on counting when its posts are gone',
    file: 'src/stages/campaign.ts',
    search: '    node.forgetAccount(member, this.#expiredMs);\n',
    replacement: '',
    tests: ['test/stages/retractions.test.ts', 'test/stages/engine.test.ts'],
  },
  {
    name: 'an alert that a text has left goes on showing it',
    file: 'src/stages/campaign.ts',
    search: '      former.isUntold = true;\n',
    replacement: '',
    tests: ['test/stages/retractions.test.ts', 'test/stages/engine.test.ts'],
  },
  {
    name: 'an alert without a post stays open',
    file: 'src/stages/campaign.ts',
    search: 'campaign.postCount === 0',
    replacement: 'campaign.postCount < 0',
    tests: ['test/stages/retractions.test.ts'],
  },
  {
    name: 'timers due together go off in the order of the heap',
    file: 'src/windows/timers.ts',
    search: '(a.dueMs === b.dueMs && a.sequence < b.sequence)',
    replacement: 'a.dueMs === b.dueMs',
    tests: ['test/windows/timers.test.ts'],
  },
  {
    name: 'an alert lists the latest accounts',
    file: 'src/windows/alert.ts',
    search: 'return a.firstMs - b.firstMs || compareText(a.platform, b.platform)',
    replacement: 'return b.firstMs - a.firstMs || compareText(a.platform, b.platform)',
    tests: ['test/windows/alert.test.ts'],
  },
  {
    name: 'an n-gram in as many posts as the bound is frequent',
    file: 'src/fingerprints/frequency-table.ts',
    search: 'this.#gramCounts[cell]! <= frequentAbove',
    replacement: 'this.#gramCounts[cell]! < frequentAbove',
    tests: ['test/fingerprints/frequency-table.test.ts'],
  },
  ...SIMULATED,
  ...UNSEEN,
];
