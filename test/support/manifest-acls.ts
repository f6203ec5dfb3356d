/** The rights that the manifests for Kubernetes give the user of a deployment, as entries for a broker. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import kafkajs, { type AclEntry } from 'kafkajs';
import { parse } from 'yaml';
import { ROOT } from './command.ts';

interface ManifestAcl {
  readonly resource: { readonly type: string; readonly name?: string; readonly patternType?: string };
  readonly operations: readonly string[];
}

/** Those of the user in the manifest, as its operator would make them. */
export function manifestAcls(user: string): AclEntry[] {
  const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;
  const manifest = parse(readFileSync(join(ROOT, 'deploy/kubernetes/overlays/production/kafka/user.yaml'), 'utf8')) as {
    spec: { authorization: { acls: readonly ManifestAcl[] } };
  };
  return manifest.spec.authorization.acls.flatMap(({ resource, operations }) =>
    operations.map((operation) => ({
      principal: `User:${user}`,
      host: '*',
      permissionType: AclPermissionTypes.ALLOW,
      operation: AclOperationTypes[upper(operation) as 'READ'],
      resourceType: AclResourceTypes[resource.type.toUpperCase() as 'TOPIC'],
      resourceName: resource.name ?? 'kafka-cluster',
      resourcePatternType:
        resource.patternType === 'prefix' ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
    })),
  );
}

/** `DescribeConfigs` as `DESCRIBE_CONFIGS`. */
function upper(operation: string): string {
  return operation.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
}
