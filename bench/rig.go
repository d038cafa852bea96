package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"heureka.internal/heureka/internal/bench"
	"heureka.internal/heureka/internal/cgroup"
)

// A rig builds and starts the programs that are compared, and stops them.
type rig struct {
	opts    options
	dir     string
	running []*process
}

// A process is a server under load.
type process struct {
	name  string
	url   string // service URL
	cmd   *exec.Cmd
	group cgroup.Group  // "" where none can be made
	took  time.Duration // from start to first answer
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// host returns the address of the server.
func (p *process) host() string {
	host, _, _ := strings.Cut(strings.TrimPrefix(p.url, "http://"), "/")
	return host
}

// memory returns what the server has, the kernel's buffers for it included where there is a cgroup.
func (p *process) memory() int64 {
	if used := p.group.Used(); used > 0 {
		return used
	}
	return bench.UsageOf(p.pid()).Resident
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	p.group.Remove()
}

func (r *rig) stopAll() {
	for _, p := range r.running {
		p.stop()
	}
	r.running = nil
}

func (r *rig) build(ctx context.Context) error {
	for name, pkg := range map[string]string{"heureka": "./cmd/heureka", "baseline": "./bench/baseline"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", filepath.Join(r.dir, name), pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return nil
}

// start runs a program on a free port and waits for its first answer.
func (r *rig) start(ctx context.Context, name, path string, args func(port string) []string, bin string) (*process, error) {
	port, err := bench.FreePort()
	if err != nil {
		return nil, err
	}
	return r.startAt(ctx, port, name, path, args, bin)
}

func (r *rig) startAt(ctx context.Context, port, name, path string, args func(port string) []string, bin string) (*process, error) {
	argv := append([]string{bin}, args(port)...)
	if r.opts.pin {
		if taskset, err := exec.LookPath("taskset"); err == nil {
			argv = append([]string{taskset, "-c", "0"}, argv...)
		}
	}
	if r.opts.files > 0 {
		argv = append([]string{"sh", "-c", `ulimit -n "$0" && exec "$@"`, strconv.Itoa(r.opts.files)}, argv...)
	}
	group := cgroup.New("heureka-bench-"+port, 16<<30)
	argv = group.Wrap(argv)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	log, err := os.Create(filepath.Join(r.dir, name+"-"+port+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, r.dir
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{name: name, url: "http://127.0.0.1:" + port + path, cmd: cmd, group: group}
	r.running = append(r.running, p)
	if err := p.await(ctx, 2*time.Minute); err != nil {
		return nil, fmt.Errorf("%s did not answer: %w (its log: %s)", name, err, log.Name())
	}
	p.took = time.Since(began)
	return p, nil
}

// await asks until the server answers at all.
func (p *process) await(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"apps", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err == nil {
			return resp.Body.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// heureka starts our server. Expired instances stay: a benchmark's do not send heartbeats.
func (r *rig) heureka(ctx context.Context, settings ...string) (*process, error) {
	port, err := bench.FreePort()
	if err != nil {
		return nil, err
	}
	return r.heurekaAt(ctx, port, settings...)
}

func (r *rig) heurekaAt(ctx context.Context, port string, settings ...string) (*process, error) {
	return r.startAt(ctx, port, "heureka", "/eureka/", func(port string) []string {
		return append([]string{"serve", "--server.address=127.0.0.1", "--server.port=" + port, "--heureka.log-level=warn"}, settings...)
	}, filepath.Join(r.dir, "heureka"))
}

func (r *rig) baseline(ctx context.Context, file string) (*process, error) {
	return r.start(ctx, "baseline", "/", func(port string) []string {
		return []string{"-addr", "127.0.0.1:" + port, "-file", file}
	}, filepath.Join(r.dir, "baseline"))
}

func (r *rig) javaServer(ctx context.Context) (*process, error) {
	if r.opts.java == "" {
		return nil, nil
	}
	return r.start(ctx, "java", "/eureka/", func(port string) []string {
		return slices.Concat([]string{"-Xmx4g"}, strings.Fields(r.opts.java), []string{
			"--server.port=" + port, "--eureka.client.register-with-eureka=false",
			"--eureka.client.fetch-registry=false", "--eureka.server.use-read-only-response-cache=false"})
	}, "java")
}

// warmJava starts the Java server and loads it in the ways in which it will be measured, until it is compiled.
func (r *rig) warmJava(ctx context.Context, modes ...bench.Mode) (*process, error) {
	java, err := r.javaServer(ctx)
	if java == nil || err != nil {
		return java, err
	}
	for _, mode := range modes {
		cfg := r.config(java, mode, r.instances())
		cfg.Duration = r.opts.warm
		if _, err := bench.Run(ctx, cfg); err != nil {
			return nil, fmt.Errorf("warm up: %w", err)
		}
	}
	return java, nil
}

// nginxServer serves the file as the whole registry, if nginx is installed.
func (r *rig) nginxServer(ctx context.Context, file string) (*process, error) {
	bin, err := exec.LookPath("nginx")
	if err != nil {
		return nil, nil
	}
	return r.start(ctx, "nginx", "/", func(port string) []string {
		conf := filepath.Join(r.dir, "nginx.conf")
		text := fmt.Appendf(nil, nginxConf, r.dir, r.dir, port, filepath.Dir(file), filepath.Base(file))
		_ = os.WriteFile(conf, text, 0o644) // nginx says what is wrong with it
		return []string{"-c", conf, "-e", "stderr"}
	}, bin)
}

const nginxConf = `daemon off; master_process off; pid %s/nginx.pid; error_log stderr crit;
events { worker_connections 1024; }
http { access_log off; client_body_temp_path %s/body; keepalive_requests 10000000; sendfile on;
  server { listen 127.0.0.1:%s; location / { root %s; try_files /%s =404; types {} default_type application/json;
    add_header Content-Encoding gzip; } } }
`
