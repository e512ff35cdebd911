import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type ChannelModel, connect } from 'amqplib';
import { eventually } from '../../../dev/testing/eventually.js';
import { PATIENCE_MS } from '../../../dev/testing/patience.js';
import { RabbitMq } from '../../../dev/testing/rabbitmq.js';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';

const EXCHANGE = 'exchange/taskcluster-queue/v1/task-pending';

jest.setTimeout(PATIENCE_MS);
let broker: RabbitMq;
let simulator: SimulatorHandle;
let model: ChannelModel;
beforeAll(async () => {
  broker = await RabbitMq.start();
  simulator = await startSimulator({ machines: 'off', pulse: broker.url });
  model = await connect(broker.url);
});
afterAll(async () => {
  await model?.close();
  await simulator?.stop();
  await broker?.stop();
});

test('the queue says over a broker which tasks are pending', async () => {
  const heard: { key: string; body: { status: { taskId: string }; runId: number } }[] = [];
  const channel = await model.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.bindQueue(queue, EXCHANGE, 'primary.*.*.*.*.proj.linux.#');
  const onMessage = (message: { fields: { routingKey: string }; content: Buffer } | null) =>
    message && heard.push({ key: message.fields.routingKey, body: JSON.parse(message.content.toString()) });
  await channel.consume(queue, onMessage, { noAck: true });

  await simulator.addTasks('proj/other', 1);
  const { taskIds } = await simulator.addTasks('proj/linux', 1);
  await eventually(() => heard.length === 1, { withinMs: PATIENCE_MS });
  expect(heard[0]!.key.split('.').slice(0, 7)).toEqual(['primary', taskIds[0], '0', '_', '_', 'proj', 'linux']);
  expect(heard[0]!.body).toMatchObject({ status: { taskId: taskIds[0], taskQueueId: 'proj/linux' }, runId: 0 });
});
