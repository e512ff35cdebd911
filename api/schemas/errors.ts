import { Type } from 'typebox';
import { anyObject, closed, continuationToken, identifier, instant, workerPoolId } from './common.js';

const report = {
  kind: Type.String({ maxLength: 128, pattern: '[-a-z0-9]+' }),
  title: Type.String({ maxLength: 128 }),
  description: Type.String({ maxLength: 10240 }),
  extra: anyObject,
};

export const reportErrorRequest = closed({ workerGroup: identifier, workerId: identifier, ...report });

export const poolError = closed({
  workerPoolId,
  errorId: Type.String(),
  reported: instant,
  ...report,
  launchConfigId: Type.Optional(identifier),
});
export const poolErrorList = closed({ workerPoolErrors: Type.Array(poolError), continuationToken });
