import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { METRICS, RetiredSamples, sumSamples, type MetricName, type Sample } from '../../src/metrics.ts';
import { HealthPort } from '../../src/runtime/health.ts';

/** A sample of each metric but the histogram, which is observed. */
const SAMPLES: Sample[] = (Object.keys(METRICS) as MetricName[])
  .filter((name) => METRICS[name].kind !== 'histogram')
  .map((name, i) => ({
    name,
    labels: Object.fromEntries(METRICS[name].labels.map((label: string) => [label, `${label}-x`])),
    value: i + 1,
  }));

describe('the port', () => {
  let isReady = false;
  const port = new HealthPort(
    {
      samples: () => Promise.resolve(SAMPLES),
      isReady: () => Promise.resolve(isReady),
      status: () => Promise.resolve({ topology: 'abc' }),
    },
    { host: '127.0.0.1', port: 0, version: '1.2.3' },
  );
  let base = '';

  beforeAll(async () => {
    base = `http://127.0.0.1:${await port.start()}`;
  });
  afterAll(() => port.stop());

  test('renders every metric of the table with its value, twice the same', async () => {
    port.observeBatch('match', 0.02);
    for (let i = 0; i < 2; i++) {
      const text = await (await fetch(`${base}/metrics`)).text();
      for (const { name, labels, value } of SAMPLES) {
        const list = Object.entries(labels).map(([label, text_]) => `${label}="${text_}"`);
        const wanted = `chorus_${name}${list.length === 0 ? '' : `{${list.join(',')}}`} ${value}\n`;
        expect(text).toContain(wanted);
        expect(text).toContain(`# TYPE chorus_${name} ${METRICS[name].kind}\n`);
      }
      expect(text).toContain('chorus_batch_seconds_bucket{le="0.025",stage="match"} 1\n');
      expect(text).toContain('chorus_batch_seconds_bucket{le="0.01",stage="match"} 0\n');
      expect(text).toContain('chorus_build_info{version="1.2.3"');
    }
  });

  test('is ready when all partitions are restored', async () => {
    expect((await fetch(`${base}/readyz`)).status).toBe(503);
    isReady = true;
    expect((await fetch(`${base}/readyz`)).status).toBe(200);
    expect((await fetch(`${base}/livez`)).status).toBe(200);
  });

  test('answers what is listed, and changes nothing', async () => {
    expect(await (await fetch(`${base}/status`)).json()).toEqual({ topology: 'abc' });
    expect((await fetch(`${base}/`)).status).toBe(404);
    expect((await fetch(`${base}/metrics/../secret`)).status).toBe(404);
    expect((await fetch(`${base}/metrics`, { method: 'POST' })).status).toBe(405);
    expect((await fetch(`${base}/status`, { method: 'DELETE' })).status).toBe(405);
  });

  test('says which address cannot be listened on', async () => {
    const taken = new URL(base).port;
    const second = new HealthPort(
      { samples: () => Promise.resolve([]), isReady: () => Promise.resolve(true), status: () => Promise.resolve(0) },
      { host: '127.0.0.1', port: Number(taken), version: 'x' },
    );
    await expect(second.start()).rejects.toMatchObject({ code: 'port_unusable' });
  });
});

describe('samples', () => {
  const counter = (value: number, stage = 'match'): Sample => ({ name: 'batches_total', labels: { stage }, value });
  const gauge = (value: number): Sample => ({ name: 'campaign_nodes', labels: {}, value });

  test('what a part has counted stays when it ends, what it was at does not', () => {
    const retired = new RetiredSamples();
    retired.retire([counter(3), gauge(9)]);
    retired.retire([counter(4)]);
    expect(retired.with([counter(5), gauge(2)])).toEqual([counter(12), gauge(2)]);
    expect(retired.with([])).toEqual([counter(7)]);
  });

  test('counters of several parts are added up by their labels', () => {
    expect(sumSamples([counter(1), counter(2), counter(5, 'campaign'), gauge(7)])).toEqual([
      counter(3),
      counter(5, 'campaign'),
      gauge(7),
    ]);
  });
});
