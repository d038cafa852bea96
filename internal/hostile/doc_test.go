// Package hostile sends the real program what strangers and broken clients send, and watches what that costs: memory, and
// how long a probe waits. It is tests only, with the build tag hostile; .ci/run hostile runs them.
package hostile
