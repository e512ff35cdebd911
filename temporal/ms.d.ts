// The SDK's `Duration` is built on this type, which the `ms` release it uses does not export under nodenext: without
// this declaration it silently becomes `any`, and `sleep('not a duration')` compiles.
declare module 'ms' {
  export type StringValue = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}` | `${number} ${string}`;
}
