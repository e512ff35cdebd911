import { EC2Client, RunInstancesCommand, type RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import type { SimulatorHandle } from '../../../dev/testing/simulator.js';

export const workerPoolId = 'proj-example/linux';

/** Launches machines that introduce themselves through the simulator's ingress; gives their ids. */
export async function launch(
  simulator: SimulatorHandle,
  count: number,
  input: Partial<RunInstancesCommandInput> = {},
): Promise<string[]> {
  const ec2 = new EC2Client({
    region: 'us-east-1',
    endpoint: simulator.ec2Endpoint,
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    maxAttempts: 1,
  });
  const userData = {
    rootUrl: simulator.url,
    workerPoolId,
    providerId: 'aws',
    workerGroup: 'us-east-1',
    launchConfigId: 'lc',
    workerConfig: {},
  };
  const answer = await ec2.send(
    new RunInstancesCommand({
      ImageId: 'ami-0123456789abcdef0',
      InstanceType: 'm5.large',
      MinCount: count,
      MaxCount: count,
      InstanceMarketOptions: { MarketType: 'spot' },
      UserData: Buffer.from(JSON.stringify(userData)).toString('base64'),
      TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'WorkerPoolId', Value: workerPoolId }] }],
      ...input,
    }),
  );
  ec2.destroy();
  return (answer.Instances ?? []).map((instance) => instance.InstanceId ?? '');
}
