//go:build !unix

package main

import "os"

// forwarded are the signals that a program run by heureka run gets.
var forwarded = []os.Signal{os.Interrupt}

func statusOfSignal(*os.ProcessState) int { return statusFailed }
