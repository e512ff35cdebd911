/**
 * Every type of provider, by the `providerType` of its entries in the configuration. A new cloud is a folder of its own
 * and one line here: configuration, check-config, API, task queues and limits follow from it.
 */
export { aws } from './aws/index.js';
export { azure } from './azure/index.js';
export { google } from './google/index.js';
export { staticType as static } from './static/index.js';
