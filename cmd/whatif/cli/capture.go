package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/report"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/snapshot"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

const (
	defaultSnapshotFile = "cluster-snapshot.json.gz"
	// keyBytes of a key that is made up for one capture.
	keyBytes = 32
	// mostKeyBytes of a file that holds a key; more is another file by mistake.
	mostKeyBytes = 4096
)

// captureFlags say what is captured, how, and where to.
type captureFlags struct {
	*questionFlags
	file      string
	force     bool
	created   string
	anonymize bool
	keyFile   string
}

func newCaptureCommand(streams genericiooptions.IOStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "capture",
		Short: "Put what planning reads of a cluster into one compressed file",
		Long: `capture reads a cluster once and writes a ClusterSnapshot, which "plan" and
"explain" take as -f FILE, without the cluster. It holds what scheduling reads
and nothing else: no Secrets or ConfigMaps (they are not even listed), no
environment, arguments, probes or mounts of containers, no annotations but those
that decide something. --anonymize replaces names as well.`,
		Example: `  # the live cluster; then a plan from the file, anywhere
  whatif capture -o cluster.json.gz
  whatif plan -f cluster.json.gz --offerings prices.yaml

  # a file for somebody else: every name replaced
  whatif capture --anonymize --offerings prices.yaml -o for-support.json.gz

  # the same pseudonyms next week
  head -c 32 /dev/urandom > key && whatif capture --anonymize --anonymize-key-file key`,
		Args: cobra.NoArgs,
	}
	c := &captureFlags{questionFlags: &questionFlags{
		streams:    streams,
		changed:    cmd.Flags().Changed,
		connection: genericclioptions.NewConfigFlags(true),
	}}
	group(cmd, "The snapshot", func(f *pflag.FlagSet) {
		f.StringVarP(&c.file, "output", "o", defaultSnapshotFile, "write to a `FILE`, or to standard output as -")
		f.BoolVar(&c.force, "force", false, "overwrite a file that is there")
		f.StringVar(&c.created, "created", "", "write a `TIME` such as 2026-03-01T12:00:00Z into the snapshot (default: none, so that the same cluster gives the same bytes)")
		f.BoolVar(&c.anonymize, "anonymize", false, "replace names, and labels but those of Kubernetes, VPSie and the offerings, by keyed hashes")
		f.StringVar(&c.keyFile, "anonymize-key-file", "", "key of the hashes, a `FILE` of 16 bytes or more that you keep (default: a random key that nobody keeps)")
	})
	c.clusterFlags(cmd)
	group(cmd, "What goes with it", func(f *pflag.FlagSet) {
		f.StringArrayVar(&c.nodeGroups, "nodegroup", nil, "NodeGroups from a `FILE`; repeatable (default: those of the cluster)")
		f.StringVar(&c.offerings, "offerings", "", "offerings from a `FILE`, whose labels --anonymize leaves as they are; they are not written (default: those of --workload, else the bundled sample)")
	})
	c.connectionFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) }
	return cmd
}

func (c *captureFlags) run(ctx context.Context) error {
	created, key, err := c.prepare()
	if err != nil {
		return err
	}
	progress := newProgress(c.streams.ErrOut)
	defer progress.end()
	progress.step("reading the cluster")
	cluster, err := c.readCluster(ctx)
	if err != nil {
		return err
	}
	if len(c.nodeGroups) > 0 {
		if cluster.nodeGroups, err = readNodeGroups(c.nodeGroups); err != nil {
			return err
		}
	}
	progress.step("writing the snapshot")
	s := snapshot.New(cluster.objects, cluster.nodeGroups)
	s.Metadata.CreationTimestamp, s.Metadata.LeftOut = created, cluster.leftOut
	if c.anonymize {
		words, err := c.words(cluster)
		if err != nil {
			return err
		}
		if err := s.Anonymize(key, words); err != nil {
			return fmt.Errorf("--anonymize-key-file %s: %w", c.keyFile, err)
		}
	}
	var document bytes.Buffer
	if err := s.Write(&document); err != nil {
		return err
	}
	if err := c.write(document.Bytes()); err != nil {
		return err
	}
	progress.end()
	(&Question{Notes: cluster.notes}).printNotes(c.streams.ErrOut)
	c.summary(s, document.Len())
	return nil
}

// prepare refuses bad flags before a cluster is read.
func (c *captureFlags) prepare() (created *metav1.Time, key []byte, err error) {
	if err := c.check(); err != nil {
		return nil, nil, err
	}
	if c.created != "" {
		at, err := time.Parse(time.RFC3339, c.created)
		if err != nil {
			return nil, nil, fmt.Errorf("--created %q: not a time such as 2026-03-01T12:00:00Z", c.created)
		}
		created = &metav1.Time{Time: at.UTC()}
	}
	switch {
	case c.file == "":
		return nil, nil, errors.New("--output: needs the name of a file, or -")
	case c.keyFile != "" && !c.anonymize:
		return nil, nil, errors.New("--anonymize-key-file is the key of --anonymize: give that, too")
	case c.file == "-" && report.IsTerminal(c.streams.Out):
		return nil, nil, errors.New("a snapshot is compressed, and a terminal cannot show it: give -o FILE")
	case c.file != "-" && !c.force:
		if _, err := os.Lstat(c.file); err == nil {
			return nil, nil, c.thereAlready()
		}
	}
	if c.anonymize {
		if key, err = c.key(); err != nil {
			return nil, nil, err
		}
	}
	return created, key, nil
}

func (c *captureFlags) thereAlready() error {
	return fmt.Errorf("%s: there already (--force overwrites it)", c.file)
}

// key is that of the file, or a new one.
func (c *captureFlags) key() ([]byte, error) {
	if c.keyFile == "" {
		key := make([]byte, keyBytes)
		_, err := rand.Read(key)
		return key, err
	}
	key, err := readLimited(c.keyFile, mostKeyBytes)
	switch {
	case err != nil:
		return nil, fmt.Errorf("--anonymize-key-file: %w", err)
	case len(key) < snapshot.MinKeyBytes || len(key) > mostKeyBytes:
		return nil, fmt.Errorf("--anonymize-key-file %s: a key has %d to %d bytes", c.keyFile, snapshot.MinKeyBytes, mostKeyBytes)
	}
	return key, nil
}

// words are the catalogue's labels and resources.
func (c *captureFlags) words(cluster *source) ([]string, error) {
	catalog := cluster.catalog
	switch {
	case c.offerings != "":
		var err error
		if catalog, err = offerings.Load(c.offerings); err != nil {
			return nil, err
		}
	case catalog == nil:
		catalog = offerings.Sample()
	}
	var words []string
	for i := range catalog.Offerings {
		words = slices.AppendSeq(words, maps.Keys(catalog.Offerings[i].Labels))
		words = slices.AppendSeq(words, maps.Keys(catalog.Offerings[i].Capacity.Extended))
	}
	return words, nil
}

// write puts the document where the flags say, for nobody else to read.
func (c *captureFlags) write(document []byte) error {
	if c.file == "-" {
		_, err := c.streams.Out.Write(document)
		return err
	}
	ifThere := os.O_EXCL
	if c.force {
		ifThere = os.O_TRUNC
	}
	file, err := os.OpenFile(c.file, os.O_WRONLY|os.O_CREATE|ifThere, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return c.thereAlready()
	}
	if err != nil {
		return err
	}
	if err = private(file); err == nil {
		_, err = file.Write(document)
	}
	return errors.Join(err, file.Close())
}

// private takes a file that was there before from other readers, too. What is no
// file, such as a device, is left alone.
func private(file *os.File) error {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	return file.Chmod(0o600)
}

// summary tells the user what is in the file.
func (c *captureFlags) summary(s *snapshot.Snapshot, bytes int) {
	names := "names as they are"
	if s.Metadata.Anonymized {
		names = "names replaced"
	}
	to := c.file
	if to == "-" {
		to = "standard output"
	}
	fmt.Fprintf(c.streams.ErrOut, "wrote %d nodes, %d pods and %d NodeGroups to %s: %d KiB, %s\n",
		len(s.Objects.Nodes), len(s.Objects.Pods), len(s.NodeGroups), to, (bytes+1023)/1024, names)
}
