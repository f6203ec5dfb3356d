/**
 * The port that people on call and their tools look at: /metrics, /livez, /readyz and /status, and nothing else. It reads;
 * nothing can be changed through it.
 */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics, Registry, type Metric } from 'prom-client';
import { ChorusError } from '../errors.ts';
import { METRICS, type MetricName, type MetricSpec, type Sample } from '../metrics.ts';

const PREFIX = 'chorus_';

/** What the port tells of. */
export interface Watched {
  readonly samples: () => Promise<readonly Sample[]>;
  /** Why it is not ready; undefined where it is. */
  readonly notReady: () => Promise<string | undefined>;
  /** JSON, without secrets. */
  readonly status: () => Promise<unknown>;
}

export interface HealthOptions {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
}

const REQUEST_MAX_MS = 5000;
const CONNECTIONS_MAX = 64;
/** How often Node looks for connections whose request does not come; by default every 30 s, which is too long to hold a place. */
const CONNECTIONS_LOOK_MS = 1000;

export class HealthPort {
  readonly #watched: Watched;
  readonly #options: HealthOptions;
  readonly #registry = new Registry();
  readonly #samples = new Map<MetricName, Sample[]>();
  readonly #server: Server;
  #collecting: Promise<string> | undefined;
  #onScrape: (() => void)[] = [];

  constructor(watched: Watched, options: HealthOptions) {
    this.#watched = watched;
    this.#options = options;
    for (const [name, spec] of Object.entries(METRICS) as [MetricName, MetricSpec][]) {
      const metric = new TableMetric(name, spec, () => this.#samples.get(name) ?? []);
      // All that a registry asks of a metric.
      this.#registry.registerMetric(metric as unknown as Metric);
    }
    collectProcessMetrics(this.#registry, PREFIX);
    this.#server = createServer({ connectionsCheckingInterval: CONNECTIONS_LOOK_MS }, (request, response) => {
      void this.#answer(request, response);
    });
    this.#server.headersTimeout = REQUEST_MAX_MS;
    this.#server.requestTimeout = REQUEST_MAX_MS;
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Returns the port. @throws ChorusError `port_unusable` */
  async start(): Promise<number> {
    const { host, port } = this.#options;
    this.#server.listen(port, host);
    try {
      await once(this.#server, 'listening');
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const message = `http.host and http.port: ${host}:${port} cannot be listened on (${code ?? 'unknown'})`;
      throw new ChorusError('port_unusable', message, { cause });
    }
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Resolves when /metrics has been read once more. */
  scraped(): Promise<void> {
    return new Promise((resolve) => {
      this.#onScrape.push(resolve);
    });
  }

  async #answer({ method, url }: IncomingMessage, response: ServerResponse): Promise<void> {
    const isRead = method === 'GET' || method === 'HEAD';
    const answer = isRead ? await this.#page(url!.split('?')[0]!).catch(() => BROKEN) : NOT_ALLOWED;
    response.writeHead(answer.code, {
      'content-type': answer.type,
      'content-length': Buffer.byteLength(answer.body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(isRead ? {} : { allow: 'GET, HEAD' }),
    });
    response.end(method === 'HEAD' ? undefined : answer.body);
    if (answer.type !== this.#registry.contentType || method === 'HEAD') return;
    for (const resolve of this.#onScrape.splice(0)) resolve();
  }

  async #page(path: string): Promise<Answer> {
    switch (path) {
      case '/metrics':
        return { code: 200, type: this.#registry.contentType, body: await this.#metrics() };
      case '/livez':
        return text(200, 'alive');
      case '/readyz':
        return readiness(await this.#watched.notReady());
      case '/status':
        return {
          code: 200,
          type: 'application/json',
          body: `${JSON.stringify(await this.#watched.status(), null, 2)}\n`,
        };
      default:
        return text(404, 'there are /metrics, /livez, /readyz and /status');
    }
  }

  /** Who asks while an answer is being made gets the same one: each asks all threads. */
  #metrics(): Promise<string> {
    this.#collecting ??= this.#collect().finally(() => (this.#collecting = undefined));
    return this.#collecting;
  }

  async #collect(): Promise<string> {
    const samples = await this.#watched.samples();
    this.#samples.clear();
    for (const sample of samples) {
      // Without a post yet there is no watermark.
      if (!Number.isFinite(sample.value)) continue;
      const known = this.#samples.get(sample.name);
      if (known === undefined) this.#samples.set(sample.name, [sample]);
      else known.push(sample);
    }
    return await this.#registry.metrics();
  }
}

/** Gauges that prom-client calls like counters; `nodejs_active_resources` tells the same by type. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** What prom-client tells of a Node process. */
export function collectProcessMetrics(registry: Registry, prefix = ''): void {
  collectDefaultMetrics({ register: registry, prefix });
  for (const name of MISNAMED) registry.removeSingleMetric(prefix + name);
}

interface Row {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/**
 * A metric of the table, as a registry of prom-client reads it. Parts count by themselves, so it has the samples that they last
 * handed over; the metrics of prom-client can only be added to, and know nothing of a histogram that was counted elsewhere.
 */
class TableMetric {
  readonly name: string;
  readonly help: string;
  readonly type: MetricSpec['kind'];
  readonly #buckets: readonly number[];
  readonly #samples: () => readonly Sample[];

  constructor(name: MetricName, { kind, help, buckets = [] }: MetricSpec, samples: () => readonly Sample[]) {
    this.name = PREFIX + name;
    this.help = help;
    this.type = kind;
    this.#buckets = buckets;
    this.#samples = samples;
  }

  get(): { name: string; help: string; type: string; values: Row[]; aggregator: string } {
    const { name, help, type } = this;
    return { name, help, type, values: this.#samples().flatMap((sample) => this.#rows(sample)), aggregator: 'sum' };
  }

  #rows({ labels, value, counts }: Sample): Row[] {
    if (counts === undefined) return [{ labels, value }];
    let count = 0;
    const rows = counts.map((each, i): Row => {
      count += each;
      return { metricName: `${this.name}_bucket`, labels: { le: this.#buckets[i] ?? '+Inf', ...labels }, value: count };
    });
    rows.push({ metricName: `${this.name}_sum`, labels, value });
    rows.push({ metricName: `${this.name}_count`, labels, value: count });
    return rows;
  }
}

interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: string;
}

const NOT_ALLOWED = text(405, 'only GET and HEAD');
const BROKEN = text(500, 'this cannot be told just now');

function readiness(notReady: string | undefined): Answer {
  return notReady === undefined ? text(200, 'ready') : text(503, notReady);
}

function text(code: number, body: string): Answer {
  return { code, type: 'text/plain; charset=utf-8', body: `${body}\n` };
}
