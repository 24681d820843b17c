package cmd

import stdflag "flag"

func flagUpdate() *bool {
	return stdflag.Bool("update", false, "rewrite scripts, manual pages and generated documents")
}
