/**
 * A member of a group as a process of its own, to be killed or frozen. Writes a line for each thing that it is told:
 * `assigned P`, `revoked P`, `batch P FROM NEXT`, `committed P NEXT`, `refused P CODE`, `fatal CODE`.
 *
 * Arguments: brokers, topic, group, name, ms that a batch takes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ChorusError } from '../../src/errors.ts';
import { KafkaClient } from '../../src/kafka/client.ts';
import { GroupMember } from '../../src/kafka/group.ts';

const [brokers, topic, groupId, name, batchMs] = process.argv.slice(2) as [string, string, string, string, string];
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const codeOf = (error: unknown): string => (error instanceof ChorusError ? error.code : String(error));

const member = new GroupMember(new KafkaClient({ brokers: brokers.split(','), clientId: name }), {
  groupId,
  topic,
  name,
  heartbeatMs: 200,
  sessionTimeoutMs: 2000,
  onFatal: (error) => say(`fatal ${codeOf(error)}`),
  handler: {
    assigned: async (partition, committed, { low }) => {
      say(`assigned ${partition}`);
      return committed?.offset ?? low;
    },
    batch: async (partition, { from, next }, commit) => {
      say(`batch ${partition} ${from} ${next}`);
      await sleep(Number(batchMs));
      try {
        await commit(next, '');
        say(`committed ${partition} ${next}`);
      } catch (error) {
        say(`refused ${partition} ${codeOf(error)}`);
        throw error;
      }
    },
    revoked: async (partition) => say(`revoked ${partition}`),
  },
});
process.on('SIGTERM', () => {
  void member.stop().then(() => process.exit(0));
});
await member.start();
