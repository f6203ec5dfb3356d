/**
 * The port that people on call and their tools look at: /metrics, /livez, /readyz and /status, and nothing else. It reads;
 * nothing can be changed through it.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { ChorusError } from '../errors.ts';
import { METRICS, type MetricName, type MetricSpec, type Sample } from '../metrics.ts';

const PREFIX = 'chorus_';

/** What the port tells of. */
export interface Watched {
  readonly samples: () => Promise<readonly Sample[]>;
  readonly isReady: () => Promise<boolean>;
  /** JSON, without secrets. */
  readonly status: () => Promise<unknown>;
}

export interface HealthOptions {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly version: string;
}

const HEADERS_TIMEOUT_MS = 5000;
const CONNECTIONS_MAX = 64;

export class HealthPort {
  readonly #watched: Watched;
  readonly #options: HealthOptions;
  readonly #registry = new Registry();
  readonly #metrics: ReadonlyMap<MetricName, Counter | Gauge | Histogram>;
  readonly #server: Server;

  constructor(watched: Watched, options: HealthOptions) {
    this.#watched = watched;
    this.#options = options;
    collectDefaultMetrics({ register: this.#registry, prefix: PREFIX });
    const build = new Gauge({
      name: `${PREFIX}build_info`,
      help: 'Version of Chorus and Node.',
      labelNames: ['version', 'node'],
      registers: [this.#registry],
    });
    build.set({ version: options.version, node: process.versions.node }, 1);
    const specs = Object.entries(METRICS) as [MetricName, MetricSpec][];
    this.#metrics = new Map(specs.map(([name, spec]) => [name, this.#metric(name, spec)]));
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.headersTimeout = HEADERS_TIMEOUT_MS;
    this.#server.requestTimeout = HEADERS_TIMEOUT_MS;
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
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  observeBatch(stage: string, seconds: number): void {
    (this.#metrics.get('batch_seconds') as Histogram).observe({ stage }, seconds);
  }

  #metric(name: MetricName, { kind, help, labels, buckets }: MetricSpec): Counter | Gauge | Histogram {
    const options = { name: PREFIX + name, help, labelNames: [...labels], registers: [this.#registry] };
    if (kind === 'counter') return new Counter(options);
    if (kind === 'gauge') return new Gauge(options);
    return new Histogram({ ...options, buckets: [...buckets!] });
  }

  async #answer({ method, url }: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = method === 'GET' || method === 'HEAD' ? await this.#page(url!.split('?')[0]!) : NOT_ALLOWED;
    response.writeHead(answer.code, { 'content-type': answer.type, 'cache-control': 'no-store' });
    response.end(method === 'HEAD' ? undefined : answer.body);
  }

  async #page(path: string): Promise<Answer> {
    switch (path) {
      case '/metrics':
        await this.#collect();
        return { code: 200, type: this.#registry.contentType, body: await this.#registry.metrics() };
      case '/livez':
        return text(200, 'alive');
      case '/readyz':
        return (await this.#watched.isReady()) ? text(200, 'ready') : text(503, 'restoring, or without a partition');
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

  /** Parts count by themselves, so a counter here is what they say now. */
  async #collect(): Promise<void> {
    const samples = await this.#watched.samples();
    for (const [name, metric] of this.#metrics) if (METRICS[name].kind !== 'histogram') metric.reset();
    for (const { name, labels, value } of samples) {
      const metric = this.#metrics.get(name);
      // Without a post yet there is no watermark.
      if (!Number.isFinite(value)) continue;
      if (metric instanceof Counter) metric.inc(labels, value);
      else if (metric instanceof Gauge) metric.set(labels, value);
    }
  }
}

interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: string;
}

const NOT_ALLOWED = text(405, 'only GET and HEAD');

function text(code: number, body: string): Answer {
  return { code, type: 'text/plain; charset=utf-8', body: `${body}\n` };
}
