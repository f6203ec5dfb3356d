/** E1 and E2: the order of effects, written down; and what is left behind where it breaks off. */
import { describe, expect, test } from 'vitest';
import { LinksFrame } from '../../src/frames/links.ts';
import { perform, type Beginning, type Effects, type Output, type Step } from '../../src/runtime/task.ts';
import { MemoryStoreProvider } from '../../src/state/memory.ts';
import type { StoreBatch } from '../../src/state/store.ts';
import { beginning, fingerprintLog, matchTask, postOf, recordsOf, sayings, START_MS } from '../support/tasks.ts';

const OUTPUT: Output = { topic: 'links', partition: 0, key: null, value: Uint8Array.of(1) };
const BATCH: StoreBatch = { checkpoint: Uint8Array.of(7) };
const STEP: Step = { outputs: [OUTPUT], batch: BATCH, position: 12, metadata: '1;meta' };

type Effect = 'produce' | 'store' | 'commit';

/** Effects that take their time, and write down when each begins and ends. */
function written(failsAt?: Effect): { readonly effects: Effects; readonly lines: string[] } {
  const lines: string[] = [];
  const effect = async (name: Effect, what: string): Promise<void> => {
    lines.push(`${name} ${what}`);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    if (name === failsAt) throw new Error(`${name} failed`);
    lines.push(`${name} done`);
  };
  const effects: Effects = {
    produce: (outputs) => effect('produce', `${outputs.length} to ${outputs[0]!.topic}`),
    store: { write: ({ checkpoint }) => effect('store', `checkpoint ${checkpoint.join()}`) },
    commit: (offset, metadata) => effect('commit', `${offset} ${metadata}`),
  };
  return { effects, lines };
}

describe('the effects of a step', () => {
  test('come in this order, each when the one before it is done', async () => {
    const { effects, lines } = written();
    await perform(STEP, effects, true);
    expect(lines).toEqual([
      'produce 1 to links',
      'produce done',
      'store checkpoint 7',
      'store done',
      'commit 12 1;meta',
      'commit done',
    ]);
  });

  test.each<[Effect, string[]]>([
    ['produce', ['produce 1 to links']],
    ['store', ['produce 1 to links', 'produce done', 'store checkpoint 7']],
    ['commit', ['produce 1 to links', 'produce done', 'store checkpoint 7', 'store done', 'commit 12 1;meta']],
  ])('end at a %s that fails: nothing that covers the step comes after it', async (failsAt, expected) => {
    const { effects, lines } = written(failsAt);
    await expect(perform(STEP, effects, true)).rejects.toThrow(`${failsAt} failed`);
    expect(lines).toEqual(expected);
  });

  test('leave out what there is not: outputs, a batch, a store, a commit that a later one covers', async () => {
    const { effects, lines } = written();
    await perform({ outputs: [], position: 3, metadata: 'm' }, effects, true);
    await perform({ ...STEP, outputs: [] }, { ...effects, store: undefined }, false);
    await perform(STEP, effects, false);
    expect(lines.filter((line) => !line.endsWith('done'))).toEqual([
      'commit 3 m',
      'produce 1 to links',
      'store checkpoint 7',
    ]);
  });
});

/** Topic, disk and commit of a match partition, which outlive its task. */
class Deployment {
  readonly links: Uint8Array[] = [];
  readonly provider = new MemoryStoreProvider();
  committed: Beginning['committed'];
  /** Effects until the next failure. */
  #left = Infinity;

  failAfter(effects: number): void {
    this.#left = effects;
  }

  #effect(): void {
    if (this.#left-- <= 0) throw new Error('the power is gone');
  }

  effects(store: NonNullable<Effects['store']>): Effects {
    return {
      produce: (outputs) => {
        this.#effect();
        this.links.push(...outputs.map(({ value }) => value));
        return Promise.resolve();
      },
      store: {
        write: (batch) => {
          this.#effect();
          return store.write(batch);
        },
      },
      commit: (offset, metadata) => {
        this.#effect();
        this.committed = { offset, metadata };
        return Promise.resolve();
      },
    };
  }
}

describe('a match partition that breaks off between any two effects', () => {
  test('has said in the end what it would have said, with repeats and without gaps', async () => {
    const posts = Array.from({ length: 60 }, (_, i) => postOf(i, START_MS + i * 25));
    const log = await fingerprintLog(posts, 4, START_MS + 10_000);
    const { task: undisturbed } = await matchTask();
    await undisturbed.restore(beginning(log));
    const { outputs } = await sayings(undisturbed, log, 0);
    const said = (values: readonly Uint8Array[]): string[] => {
      let reached = 0;
      return values.flatMap((value) => {
        const { header, events } = new LinksFrame(value);
        expect(header.from).toBeLessThanOrEqual(reached);
        const isNew = events.filter(({ cause }) => cause.position >= reached);
        reached = Math.max(reached, header.to);
        return isNew.map((event) => JSON.stringify(event));
      });
    };
    const expected = said(outputs.map(({ value }) => value));
    expect(expected.length).toBeGreaterThan(30);
    let repeats = 0;
    for (let failAfter = 0; failAfter < 3 * log.length; failAfter++) {
      const deployment = new Deployment();
      deployment.failAfter(failAfter);
      for (const isLast of [false, true]) {
        const { task } = await matchTask({}, deployment.provider);
        const from = await task.restore(beginning(log, deployment.committed));
        const effects = deployment.effects(task.store);
        const rest = log.slice(from);
        const work = async (): Promise<void> => {
          for (const { offset, value } of rest) {
            const step = await task.process(recordsOf([value!], offset), offset + 1);
            await perform(step, effects, offset % 3 > 0);
          }
        };
        if (isLast) {
          deployment.failAfter(Infinity);
          await work();
        } else {
          await work().catch((error: unknown) => expect(String(error)).toContain('the power is gone'));
        }
        await task.close();
      }
      expect(said(deployment.links)).toEqual(expected);
      repeats += deployment.links.length - outputs.length;
    }
    expect(repeats).toBeGreaterThan(10);
  });
});
