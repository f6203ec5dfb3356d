/** A real Prometheus on a port of this machine, with what is in deploy/prometheus, and its answers. */
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { ROOT } from './command.ts';
import { freePort, Service } from './broker/service.ts';
import { debianTool } from './tools.ts';

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  /** Of an instant query. */
  readonly value?: readonly [number, string];
  /** Of a range query. */
  readonly values?: readonly (readonly [number, string])[];
}

export interface RuleState {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
  readonly state: 'inactive' | 'pending' | 'firing';
  readonly labels: Readonly<Record<string, string>>;
}

interface Config {
  readonly global: Record<string, string>;
  readonly alerting?: unknown;
  readonly scrape_configs: readonly { readonly job_name: string; readonly static_configs: unknown }[];
}

export class Prometheus {
  readonly url: string;
  readonly #service: Service;

  private constructor(url: string, service: Service) {
    this.url = url;
    this.#service = service;
  }

  /**
   * With the rules and the job of deploy/prometheus, which scrapes `target` each second. The command may have to be got first.
   * @param target host and port
   */
  static async start(target: string): Promise<Prometheus> {
    const command = await debianTool('prometheus', 'prometheus');
    const folder = mkdtempSync(join(tmpdir(), 'chorus-prometheus-'));
    const source = join(ROOT, 'deploy/prometheus');
    cpSync(join(source, 'rules'), join(folder, 'rules'), { recursive: true });
    const deployed = parse(readFileSync(join(source, 'prometheus.yml'), 'utf8')) as Config;
    const { alerting: _nobody, ...config } = deployed;
    const jobs = config.scrape_configs.filter(({ job_name }) => job_name === 'chorus');
    const changed = {
      ...config,
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      scrape_configs: jobs.map((job) => ({ ...job, static_configs: [{ targets: [target] }] })),
    };
    writeFileSync(join(folder, 'prometheus.yml'), stringify(changed));
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const service = new Service({
      name: 'Prometheus',
      command,
      args: [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
      ],
      folder,
      ready: async () => (await fetch(`${url}/-/ready`)).ok,
    });
    await service.start();
    return new Prometheus(url, service);
  }

  stop(): Promise<void> {
    return this.#service.stop();
  }

  /** What an expression is now. @throws Error with what Prometheus says against it */
  query(expr: string): Promise<Series[]> {
    return this.#vector('query', { query: expr });
  }

  /** What it was, each second. */
  range(expr: string, startSeconds: number): Promise<Series[]> {
    const end = String(Date.now() / 1000);
    return this.#vector('query_range', { query: expr, start: String(startSeconds), end, step: '1' });
  }

  /** The values of a label of these series. */
  labelValues(label: string, selector: string): Promise<string[]> {
    return this.#get<string[]>(`label/${label}/values`, { 'match[]': selector });
  }

  async rules(): Promise<RuleState[]> {
    const { groups } = await this.#get<{ groups: { rules: RuleState[] }[] }>('rules', {});
    return groups.flatMap(({ rules }) => rules);
  }

  async #vector(path: string, parameters: Readonly<Record<string, string>>): Promise<Series[]> {
    const { result } = await this.#get<{ resultType: string; result: Series[] }>(path, parameters);
    return result;
  }

  async #get<T>(path: string, parameters: Readonly<Record<string, string>>): Promise<T> {
    const response = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`);
    const { status, error, data } = (await response.json()) as { status: string; error?: string; data: T };
    if (status !== 'success') throw new Error(`Prometheus: ${error}: ${JSON.stringify(parameters)}`);
    return data;
  }
}

/** Is there a number in it? NaN is what a quotient or a quantile of nothing is. */
export function hasNumber(series: readonly Series[]): boolean {
  const values = series.flatMap((one) => [...(one.value === undefined ? [] : [one.value]), ...(one.values ?? [])]);
  return values.some(([, value]) => Number.isFinite(Number(value)));
}
