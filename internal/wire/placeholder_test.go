package wire_test

import (
	"testing"

	"heureka.internal/heureka/internal/wire"
)

// "na" and "unknown" stand for nothing in sid alone: elsewhere they are values like others.
func TestValuesOfOtherFieldsAreKept(t *testing.T) {
	for _, value := range []string{"na", "unknown", "null", "0"} {
		body := `{"instance":{"app":"A","instanceId":"1","hostName":"` + value + `","vipAddress":"` + value +
			`","asgName":"` + value + `","homePageUrl":"` + value + `"}}`
		in, err := wire.DecodeInstance(wire.JSON, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		for field, got := range map[string]string{
			"hostName": in.HostName, "vipAddress": in.VIPAddress, "asgName": in.ASGName, "homePageUrl": in.HomePageURL,
		} {
			if got != value {
				t.Errorf("%s = %q, want %q", field, got, value)
			}
		}
	}
}
