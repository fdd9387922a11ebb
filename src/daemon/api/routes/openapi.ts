import { z } from 'zod'
import { openApiDocument } from '../openapi.js'
import { type AnyRoute, route } from '../route.js'

/** The document's own route. @param others all routes beside it */
export function openApiRoute(others: () => readonly AnyRoute[]): AnyRoute {
  let document: ReturnType<typeof openApiDocument> | undefined
  return route({
    method: 'GET',
    path: '/v1/openapi.json',
    id: 'getOpenApi',
    summary: 'This document (OpenAPI 3.1)',
    answer: z.looseObject({ openapi: z.string() }),
    handle: (daemon) => {
      document ??= openApiDocument(others(), daemon.version)
      return document
    },
  })
}
