import type { FastifyInstance } from 'fastify';
import { notFound } from '../http/errors.js';
import { REFERENCE_PATH, referenceOf, SCHEMAS_PATH, schemasOf } from '../http/reference.js';

const MANIFEST_PATH = '/references/manifest.json';

/**
 * The API in Taskcluster's reference format, at the addresses below a root URL where its tools look
 * (docs/taskcluster-compatibility.md#references).
 */
export function addReferences(app: FastifyInstance): void {
  const options = { schema: { hide: true }, config: { operation: 'references', isPublic: true } };
  const reference = referenceOf(app.operations);
  const schemas = schemasOf(app.operations);
  app.get(MANIFEST_PATH, options, async () => ({
    $schema: '/schemas/common/manifest-v3.json#',
    references: [REFERENCE_PATH],
  }));
  app.get(REFERENCE_PATH, options, async () => reference);
  app.get<{ Params: { file: string } }>(`${SCHEMAS_PATH}/:file`, options, async ({ params }) => {
    const schema = schemas.get(params.file.replace(/\.json$/, ''));
    if (!schema) throw notFound('There is no such schema.');
    return schema;
  });
}
