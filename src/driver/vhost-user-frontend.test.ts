import { describe, expect, test } from 'vitest'
import { closeFd, socketPair } from '../sys/unix-socket.js'
import { VhostUserFrontend } from './vhost-user-frontend.js'

describe('VhostUserFrontend', () => {
  test('fails with one clear line when nobody answers', () => {
    const [mine, theirs] = socketPair()
    const lonely = new VhostUserFrontend(mine, { tries: 3 })
    expect(() => lonely.getFeatures()).toThrow(/no reply to GET_FEATURES .* after 3 tries/)
    lonely.close()
    closeFd(theirs)
  })

  test('fails with NOT_FOUND when nobody listens on the path', () => {
    expect(() => new VhostUserFrontend('/nonexistent/vm.sock')).toThrow(/no vhost-user backend listens there/)
  })
})
