import { type TProperties, Type } from 'typebox';

/** Parts of the configuration's schema and of the schemas of the providers' entries. */

export const closed = <T extends TProperties>(properties: T, description: string) =>
  Type.Object(properties, { additionalProperties: false, description });
export const text = (description: string, defaultValue?: string) =>
  Type.String({ minLength: 1, description, ...(defaultValue === undefined ? {} : { default: defaultValue }) });
export const httpUrl = { pattern: '^https?://[^/?#]+[^?#]*$' };
export const optionalUrl = (description: string) =>
  Type.Union([Type.String(httpUrl), Type.Null()], { default: null, description });
export const optionalText = (description: string) =>
  Type.Union([Type.String({ minLength: 1 }), Type.Null()], { default: null, description });

/** A frozen configuration, as its schema's type. */
export type DeepReadonly<T> = T extends (infer U)[]
  ? readonly DeepReadonly<U>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;
