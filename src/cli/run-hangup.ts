/** SIGHUP: reads the configuration again and says what it would change. It changes nothing: settings hold from start to end. */
import { ConfigError } from '../errors.ts';
import type { DeploymentConfig } from './config-deployment.ts';
import { differencesOf, publicConfig, topologyOf } from './config-difference.ts';
import { errorFields, type LogLine } from './log.ts';

/** @param load the configuration as it is by then */
export function onHangup(running: DeploymentConfig, load: () => DeploymentConfig, log: LogLine): { dispose(): void } {
  const take = (): void => {
    try {
      tellDifference(running, load(), log);
    } catch (error) {
      // Whatever it is: what runs goes on.
      const fields = error instanceof ConfigError ? { problems: error.message.split('\n') } : errorFields(error);
      log('warn', 'SIGHUP: the configuration could not be used at the next start', fields);
    }
  };
  process.on('SIGHUP', take);
  return { dispose: () => void process.off('SIGHUP', take) };
}

function tellDifference(running: DeploymentConfig, next: DeploymentConfig, log: LogLine): void {
  const isSameTopology = topologyOf(running).frames(0) === topologyOf(next).frames(0);
  const differences = differencesOf(publicConfig(running), publicConfig(next)).map(({ name, before, after }) => {
    return `${name}: ${before ?? '(not given)'} -> ${after ?? '(not given)'}`;
  });
  if (running.settings.secret !== next.settings.secret) differences.push('secret: (hidden) -> (hidden)');
  if (!isSameTopology) {
    const message =
      'SIGHUP: the configuration makes another topology, which needs another kafka.prefix and state.folder';
    log('warn', message, { differences });
  } else if (differences.length > 0) {
    log('info', 'SIGHUP: the configuration has changed, the topology has not; a new start takes it', { differences });
  } else {
    log('info', 'SIGHUP: the configuration is the one that runs', {});
  }
}
