// Package spring is the dialect in which Spring Boot programs are configured: relaxed names, .properties texts,
// ${placeholders}, durations, and what Spring Cloud tells a program of its machine. The server's settings and the client's
// both read by it. Which settings there are, where they come from, and YAML are left to its callers.
package spring
