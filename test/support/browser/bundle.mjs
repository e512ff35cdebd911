/**
 * `node bundle.mjs FOLDER`: npm's `taskcluster-client-web` as one script for pages, `FOLDER/client.js`, as whoever
 * builds a page with it must make it: its source is in modules, and its signatures need some of Node's.
 */
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import webpack from 'webpack';

const { resolve } = createRequire(import.meta.url);
const compiler = webpack({
  mode: 'none',
  target: 'web',
  entry: resolve('taskcluster-client-web'),
  output: { path: process.argv[2], filename: 'client.js', library: { name: 'taskcluster', type: 'window' } },
  resolve: {
    fallback: {
      buffer: resolve('buffer/'),
      crypto: resolve('crypto-browserify'),
      process: resolve('process/browser.js'),
      stream: resolve('stream-browserify'),
      url: resolve('url/'),
      vm: false,
    },
  },
  plugins: [
    new webpack.ProvidePlugin({ Buffer: [resolve('buffer/'), 'Buffer'], process: resolve('process/browser.js') }),
  ],
});
const stats = await promisify(compiler.run.bind(compiler))();
if (stats.hasErrors()) throw new Error(stats.toString({ all: false, errors: true }));
