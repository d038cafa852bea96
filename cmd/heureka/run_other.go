//go:build !unix

package main

import (
	"os"
	"os/exec"
)

// forwarded are the signals that a program run by heureka run gets.
var forwarded = []os.Signal{os.Interrupt}

func statusOfSignal(*os.ProcessState) int { return statusFailed }

func wait(child *exec.Cmd) error { return child.Wait() }
