// Package config reads the settings of a node from where a Spring Boot application reads them - arguments, environment
// variables, application.yml and application.properties, with profiles and placeholders - and turns them into a
// server.Config. It knows every key by one table, reports all mistakes at once, and can show each value with its origin. It
// leaves starting the server, logging and printing of errors to its caller.
package config
