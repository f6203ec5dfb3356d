import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { METRICS, Observations, RetiredSamples, sumSamples, type MetricName, type Sample } from '../../src/metrics.ts';
import { HealthPort } from '../../src/runtime/health.ts';

/** A sample of each metric but the histograms. */
const SAMPLES: Sample[] = (Object.keys(METRICS) as MetricName[])
  .filter((name) => METRICS[name].kind !== 'histogram')
  .map((name, i) => ({
    name,
    labels: Object.fromEntries(METRICS[name].labels.map((label: string) => [label, `${label}-x`])),
    value: i + 1,
  }));

function batchSeconds(...seconds: number[]): Sample {
  const observations = new Observations('batch_seconds');
  for (const each of seconds) observations.observe(each);
  return observations.sample('batch_seconds', { stage: 'match' });
}

describe('the port', () => {
  let notReady: string | undefined = 'restoring';
  let isBroken = false;
  let asked = 0;
  const port = new HealthPort(
    {
      samples: async () => {
        asked++;
        await sleep(5);
        if (isBroken) throw new Error('secret detail');
        return [...SAMPLES, batchSeconds(0.02, 100)];
      },
      notReady: () => Promise.resolve(notReady),
      status: () => Promise.resolve({ topology: 'abc' }),
    },
    { host: '127.0.0.1', port: 0 },
  );
  let base = '';

  beforeAll(async () => {
    base = `http://127.0.0.1:${await port.start()}`;
  });
  afterAll(() => port.stop());

  test('renders every metric of the table with its value, twice the same', async () => {
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
      expect(text).toContain('chorus_batch_seconds_bucket{le="10",stage="match"} 1\n');
      expect(text).toContain('chorus_batch_seconds_bucket{le="+Inf",stage="match"} 2\n');
      expect(text).toContain('chorus_batch_seconds_sum{stage="match"} 100.02\n');
      expect(text).toContain('chorus_batch_seconds_count{stage="match"} 2\n');
      expect(text).toContain('# TYPE chorus_batch_seconds histogram\n');
      // Those of prom-client.
      expect(text).toMatch(/\nchorus_process_resident_memory_bytes \d+\n/);
      expect(text).toMatch(/\nchorus_nodejs_active_resources\{type="\w+"\} \d+\n/);
      // Gauges that are called like counters.
      expect(text).not.toContain('chorus_nodejs_active_resources_total');
      expect(Array.from(text.matchAll(/^# TYPE \w+_total (?!counter)\w+$/gm), ([line]) => line)).toEqual([]);
    }
  });

  test('is ready where nothing speaks against it, and else says what does', async () => {
    const unready = await fetch(`${base}/readyz`);
    expect([unready.status, await unready.text()]).toEqual([503, 'restoring\n']);
    notReady = undefined;
    expect((await fetch(`${base}/readyz`)).status).toBe(200);
    expect((await fetch(`${base}/livez`)).status).toBe(200);
  });

  test('answers what is listed, and changes nothing', async () => {
    expect(await (await fetch(`${base}/status`)).json()).toEqual({ topology: 'abc' });
    expect((await fetch(`${base}/`)).status).toBe(404);
    expect((await fetch(`${base}/metrics/../secret`)).status).toBe(404);
    expect((await fetch(`${base}/metrics`, { method: 'POST' })).status).toBe(405);
    expect((await fetch(`${base}/status`, { method: 'DELETE' })).status).toBe(405);
    for (const method of ['PUT', 'PATCH', 'OPTIONS', 'PROPFIND']) {
      const refused = await fetch(`${base}/metrics`, { method });
      expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    }
    for (const path of ['//metrics', '/metrics/', '/METRICS', '/%6detrics', '/.env', '/livez/..%2fstatus']) {
      expect([path, (await fetch(base + path)).status]).toEqual([path, 404]);
    }
    const head = await fetch(`${base}/metrics`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(1000);
  });

  test('who asks at the same time gets one answer', async () => {
    const before = asked;
    await Promise.all(Array.from({ length: 20 }, () => fetch(`${base}/metrics`).then((answer) => answer.text())));
    expect(asked - before).toBeLessThan(20);
  });

  test('an answer that fails says nothing of why, and the next one comes', async () => {
    isBroken = true;
    const broken = await fetch(`${base}/metrics`);
    expect([broken.status, await broken.text()]).toEqual([500, 'this cannot be told just now\n']);
    isBroken = false;
    expect((await fetch(`${base}/metrics`)).status).toBe(200);
  });

  test('tells when it was scraped, by nothing else', async () => {
    let isScraped = false;
    const scraped = port.scraped().then(() => (isScraped = true));
    await fetch(`${base}/status`);
    await fetch(`${base}/metrics`, { method: 'HEAD' });
    await sleep(20);
    expect(isScraped).toBe(false);
    await fetch(`${base}/metrics`);
    await scraped;
    expect(isScraped).toBe(true);
  });

  test('lets go of a connection whose request does not come', { timeout: 15_000 }, async () => {
    const socket = connect(Number(new URL(base).port), '127.0.0.1');
    socket.write('GET /metrics HTTP/1.1\r\n');
    socket.resume();
    const startMs = performance.now();
    await once(socket, 'close');
    expect(performance.now() - startMs).toBeLessThan(8000);
  });

  test('says which address cannot be listened on', async () => {
    const taken = new URL(base).port;
    const second = new HealthPort(
      {
        samples: () => Promise.resolve([]),
        notReady: () => Promise.resolve(undefined),
        status: () => Promise.resolve(0),
      },
      { host: '127.0.0.1', port: Number(taken) },
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

  test('what several parts count or hold is added up by its labels; of a place the last one holds', () => {
    const place = (value: number): Sample => ({ name: 'position', labels: { stage: 'match', partition: '0' }, value });
    const all = [counter(1), counter(2), counter(5, 'campaign'), gauge(7), gauge(1), place(4), place(6)];
    expect(sumSamples(all)).toEqual([counter(3), counter(5, 'campaign'), gauge(8), place(6)]);
  });

  test('histograms of several parts are one', () => {
    const observed = [[0.001, 0.02, 99], [0.02, 3], [7]];
    const retired = new RetiredSamples();
    retired.retire([batchSeconds(...observed[0]!)]);
    const [sum] = retired.with(sumSamples([batchSeconds(...observed[1]!), batchSeconds(...observed[2]!)]));
    const expected = batchSeconds(...observed.flat());
    expect(sum!.counts).toEqual(expected.counts);
    expect(sum!.counts!.reduce((count, each) => count + each)).toBe(6);
    expect(sum!.value).toBeCloseTo(expected.value, 9);
    // A bound belongs to its bucket.
    expect(batchSeconds(0.001).counts![0]).toBe(1);
  });
});
