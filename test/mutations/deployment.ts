/** Bugs in what survives crashes, rebalances and repeats. */
import type { Mutation } from './mutations.ts';

const tests = ['test/simulation/simulation.test.ts'];

/** Those that the simulation must notice; the ones that it notices first come first. */
export const SIMULATED: readonly Mutation[] = [
  {
    name: 'a partition is rebuilt from the committed offset, without the window before it',
    file: 'src/runtime/match-task.ts',
    search: 'position = this.partition.restore(checkpointOf(committed.metadata));',
    replacement: 'position = Math.max(this.partition.restore(checkpointOf(committed.metadata)), committed.offset);',
    tests,
  },
  {
    name: 'events that come again are taken again',
    file: 'src/stages/campaign-partition.ts',
    search: 'if (event.cause.position < expected) {',
    replacement: 'if (event.cause.position < 0) {',
    tests,
  },
  {
    name: 'the fastest source decides what has passed',
    file: 'src/frames/chain.ts',
    search: 'if (watermark < least) least = watermark;',
    replacement: 'if (watermark > least || least === Infinity) least = watermark;',
    tests,
  },
  {
    name: 'a watermark falls with a frame that comes again',
    file: 'src/frames/chain.ts',
    search: 'if (watermark > this.#watermarks[source]!) this.#watermarks[source] = watermark;',
    replacement: 'this.#watermarks[source] = watermark;',
    tests,
  },
  {
    name: 'the store is written before outputs are acknowledged',
    file: 'src/runtime/task.ts',
    search: 'if (step.outputs.length > 0) await produce(step.outputs);',
    replacement:
      'if (step.batch !== undefined) await store?.write(step.batch);\n  await produce(step.outputs);\n  return;',
    tests,
  },
  {
    name: 'a step is committed before its outputs are acknowledged',
    file: 'src/runtime/task.ts',
    search: 'if (step.outputs.length > 0) await produce(step.outputs);',
    replacement: 'if (isCommitted) await commit(step.position, step.metadata);\n  await produce(step.outputs);',
    tests,
  },
  {
    name: 'a tick is written before it is committed',
    file: 'src/runtime/fingerprint-task.ts',
    search: '    await commit(this.#position, metadata);\n',
    replacement: '',
    tests,
  },
  {
    name: 'frames are let go a window too early',
    file: 'src/stages/match-partition.ts',
    search: 'this.#retained.expire(watermark - this.#windowMs, ',
    replacement: 'this.#retained.expire(watermark, ',
    tests,
  },
  {
    name: 'an entry behind the watermark of its own frame is late',
    file: 'src/stages/match-partition.ts',
    search: 'const watermark = this.#chain.watermark(header.source);',
    replacement: 'const { watermark } = header;',
    tests,
  },
  {
    name: 'a frame ends with its last record, not behind the hole after it',
    file: 'src/runtime/fingerprint-task.ts',
    search: 'this.#finish(next, outputs);',
    replacement: 'this.#finish((records.at(-1)?.offset ?? next - 1) + 1, outputs);',
    tests,
  },
  {
    name: 'the campaign stage goes on from its snapshot without what came after it',
    file: 'src/runtime/campaign-task.ts',
    search: 'of read(this.#snapshot, committed.offset)) {',
    replacement: 'of read(committed.offset, committed.offset)) {',
    tests,
  },
  {
    name: 'a source that moves forgets its watermark',
    file: 'src/runtime/fingerprint-task.ts',
    search: 'if (committed !== undefined) this.#partition.witness(watermarkOf(committed.metadata));',
    replacement: 'if (committed !== undefined) watermarkOf(committed.metadata);',
    tests,
  },
  {
    name: 'posts of one moment are taken in the order of arrival',
    file: 'src/windows/pending.ts',
    search: 'if (timeMs <= beforeMs) isSorted = false;',
    replacement: 'if (timeMs < beforeMs) isSorted = false;',
    tests,
  },
  {
    name: 'a rebuilt partition counts its entries from the last frame that went',
    file: 'src/stages/match-partition.ts',
    search: 'this.#acceptedAtLow += accepted;',
    replacement: 'this.#acceptedAtLow = accepted;',
    tests,
  },
  {
    name: 'of a link that two partitions have found only the families of one are kept',
    file: 'src/stages/campaign-partition.ts',
    search: 'families: event.families | (known?.families ?? 0)',
    replacement: 'families: event.families',
    tests,
  },
  {
    name: 'a snapshot leaves out the events that wait',
    file: 'src/runtime/snapshot.ts',
    search: 'pendingFrames(partition.pending, route)',
    replacement: 'pendingFrames([], route)',
    tests,
  },
];

/** Those that change no alert, or none that a simulated deployment comes to, and that other tests must notice. */
export const UNSEEN: readonly Mutation[] = [
  {
    name: 'a gap in the frames of a source goes unseen',
    file: 'src/stages/match-partition.ts',
    search: '    this.#chain.check(header.source, header);\n',
    replacement: '',
    tests: ['test/runtime/match-task.test.ts'],
  },
  {
    name: 'entries that come again are taken again',
    file: 'src/stages/match-partition.ts',
    search: 'if (frame.offset(i) < expected) {',
    replacement: 'if (frame.offset(i) < 0) {',
    tests: ['test/runtime/match-task.test.ts'],
  },
  {
    name: 'every partition of a text sends its posts',
    file: 'src/frames/route.ts',
    search: 'target === this.#home',
    replacement: 'target >= 0',
    tests: ['test/frames/route.test.ts'],
  },
  {
    name: 'a step is committed before its store is written',
    file: 'src/runtime/task.ts',
    search: 'if (step.batch !== undefined) await store?.write(step.batch);',
    replacement:
      'if (isCommitted) await commit(step.position, step.metadata);\n  await store?.write(step.batch!);\n  return;',
    tests: ['test/runtime/order-of-effects.test.ts'],
  },
  {
    name: 'parts of two snapshots are put together',
    file: 'src/runtime/snapshot.ts',
    search: "frame.subarray(DIGEST_AT, PART_HEADER_BYTES)).toString('hex')",
    replacement: "frame.subarray(DIGEST_AT, DIGEST_AT)).toString('hex')",
    tests: ['test/runtime/snapshot.test.ts'],
  },
  {
    name: 'a post that comes again is known for a window from when it came first',
    file: 'src/stages/campaign.ts',
    search: '      this.#state.duplicates++;\n      this.#know(evidence.key);',
    replacement: '      this.#state.duplicates++;',
    tests: ['test/stages/campaign.test.ts'],
  },
  {
    name: 'a piece of evidence is as long as it says, whether or not the bytes are there',
    file: 'src/frames/links.ts',
    search: 'if (end > bytes.byteLength) throw',
    replacement: 'if (end > Infinity) throw',
    tests: ['test/frames/fuzz.test.ts'],
  },
];
