/**
 * Lets Node run this project's TypeScript as it is (`node --import ./scripts/typescript.mjs x.ts`): Node strips the
 * types by itself, and this finds the `.ts` file behind an import that ends in `.js`. For test set-up and tools; the
 * product runs from dist/.
 */
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, nextResolve) {
    if (!specifier.startsWith('.') || !specifier.endsWith('.js') || !context.parentURL?.endsWith('.ts')) {
      return nextResolve(specifier, context);
    }
    return nextResolve(specifier.replace(/\.js$/, '.ts'), context);
  },
});
