import { pathText } from '../errors/setting-error.js'

/** Where something stands in data that come from no file. */
export function placeOfData(path: readonly PropertyKey[]): string {
  return pathText(path) || 'the model'
}
